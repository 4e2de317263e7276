"""S3 Vectors: a fake with exact search, on the wire as botocore's model has it."""

from serverless_ai_local.aws.s3_vectors.service import S3Vectors

__all__ = ["S3Vectors"]
