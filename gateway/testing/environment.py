"""Where SDKs look for an endpoint and for keys."""

from collections.abc import Mapping


def sdk_environment(
    endpoint_url: str, *, access_key: str, secret_key: str, region: str
) -> Mapping[str, str]:
    """The variables by which AWS SDKs of any language find a server.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    return {
        "AWS_ENDPOINT_URL_S3": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        # Empty is none: one that is left from elsewhere would be sent along and refused.
        "AWS_SESSION_TOKEN": "",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
