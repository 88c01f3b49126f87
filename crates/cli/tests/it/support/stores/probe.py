# What a store does with the checksum of a part, found with boto3 alone: no code of ours, and nothing that boto3
# would add of its own.
import base64
import hashlib
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3", config=Config(
    s3={"addressing_style": "path"},
    retries={"max_attempts": 1},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
))
place = {"Bucket": os.environ["BUCKET"], "Key": "firmhold-probe/part"}
upload = {**place, "UploadId": s3.create_multipart_upload(**place, ChecksumAlgorithm="SHA256")["UploadId"]}


def sha256(text):
    return base64.b64encode(hashlib.sha256(text).digest()).decode()


def put(body, checksum):
    s3.upload_part(**upload, PartNumber=1, Body=body, ChecksumSHA256=checksum)


try:
    put(b"what was sent", sha256(b"what was meant"))
    refused = False
except ClientError as error:
    # Only this is a refusal of the checksum; any other error is one of the probe.
    if error.response["Error"]["Code"] not in ("BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch"):
        raise
    refused = True
put(b"what was sent", sha256(b"what was sent"))
parts = s3.list_parts(**upload)["Parts"]
listed = [part.get("ChecksumSHA256") for part in parts] == [sha256(b"what was sent")]
s3.abort_multipart_upload(**upload)
print(json.dumps({"refuses_a_wrong_part": refused, "lists_part_checksums": listed}))
