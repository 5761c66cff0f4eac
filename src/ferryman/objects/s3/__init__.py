"""The object store on any S3 service: the platform signs and completes, S3 keeps the bytes."""
