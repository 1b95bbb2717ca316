"""GetObjectAttributes."""

from gateway.catalog.records import Version
from gateway.s3.inputs.objects import GetObjectAttributes
from gateway.s3.results import GetObjectAttributesParts, GetObjectAttributesResult, ObjectPart
from gateway.service.context import Context
from gateway.service.reading import current
from gateway.service.versions import require_current


async def get_object_attributes(
    context: Context, input: GetObjectAttributes
) -> GetObjectAttributesResult:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html"""
    bucket = await context.bucket(input.bucket, expected_owner=input.expected_bucket_owner)
    require_current(input.version_id, input.key)
    version = await current(context, bucket, input.key)
    wanted = frozenset(input.object_attributes)
    checksum = version.checksum if "Checksum" in wanted else None
    return GetObjectAttributesResult(
        last_modified=version.modified_ns // 1_000_000_000,
        e_tag=version.etag if "ETag" in wanted else None,
        checksums=version.checksums if checksum is not None else {},
        checksum_type=checksum.type if checksum is not None else None,
        object_parts=_parts(version, input) if "ObjectParts" in wanted and version.parts else None,
        storage_class=version.storage_class if "StorageClass" in wanted else None,
        object_size=version.size if "ObjectSize" in wanted else None,
    )


def _parts(version: Version, input: GetObjectAttributes) -> GetObjectAttributesParts:
    after = [part for part in version.parts if part.number > input.part_number_marker]
    page = after[: input.max_parts]
    algorithm = version.checksum.algorithm if version.checksum is not None else None
    return GetObjectAttributesParts(
        total_parts_count=len(version.parts),
        part_number_marker=input.part_number_marker,
        next_part_number_marker=page[-1].number if page else 0,
        max_parts=input.max_parts,
        is_truncated=len(after) > len(page),
        parts=[
            ObjectPart(
                part_number=part.number,
                size=part.size,
                checksums={algorithm: part.checksum} if part.checksum is not None else {},
            )
            for part in page
        ]
        if algorithm is not None
        else (),
    )
