"""Whether a principal may do what an operation does. What is not allowed is denied."""

from gateway.access.principals import Principal
from gateway.s3.errors import S3Error


class Authorization:
    """The root key may do everything; there are no other principals yet."""

    def __init__(self, *, root_access_key: str) -> None:
        self._root = root_access_key

    def __call__(self, principal: Principal, action: str) -> None:
        """Raises S3Error AccessDenied unless ``principal`` may do ``action``."""
        if principal.access_key != self._root:
            raise S3Error("AccessDenied")
