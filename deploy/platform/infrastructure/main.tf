# The bucket of print files, its replica, and who may do what: as the files of ../buckets and ../iam say.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
}

variable "bucket_prefix" { type = string }
variable "region" { type = string }
variable "offsite_region" { type = string }
variable "replication_role_arn" { type = string }

provider "aws" { region = var.region }

provider "aws" {
  alias  = "offsite"
  region = var.offsite_region
}

locals {
  lifecycle = jsondecode(file("${path.module}/../buckets/lifecycle.json"))
  lock      = jsondecode(file("${path.module}/../buckets/object-lock.json"))
}

resource "aws_s3_bucket" "print_files" {
  bucket              = "${var.bucket_prefix}-print-files"
  object_lock_enabled = true
  lifecycle { prevent_destroy = true }
}

resource "aws_s3_bucket" "replica" {
  provider            = aws.offsite
  bucket              = "${var.bucket_prefix}-print-files-replica"
  object_lock_enabled = true
  lifecycle { prevent_destroy = true }
}

resource "aws_s3_bucket_versioning" "print_files" {
  bucket = aws_s3_bucket.print_files.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_versioning" "replica" {
  provider = aws.offsite
  bucket   = aws_s3_bucket.replica.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "print_files" {
  bucket = aws_s3_bucket.print_files.id
  rule {
    default_retention {
      mode = local.lock.Rule.DefaultRetention.Mode
      days = local.lock.Rule.DefaultRetention.Days
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "print_files" {
  bucket = aws_s3_bucket.print_files.id
  rule {
    id     = local.lifecycle.Rules[0].ID
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = local.lifecycle.Rules[0].NoncurrentVersionExpiration.NoncurrentDays
    }
  }
}

resource "aws_s3_bucket_replication_configuration" "print_files" {
  depends_on = [aws_s3_bucket_versioning.print_files, aws_s3_bucket_versioning.replica]
  bucket     = aws_s3_bucket.print_files.id
  role       = var.replication_role_arn
  rule {
    id       = "everything-to-the-other-region"
    priority = 1
    status   = "Enabled"
    filter {}
    delete_marker_replication { status = "Disabled" }
    destination { bucket = aws_s3_bucket.replica.arn }
  }
}

resource "aws_s3_bucket_public_access_block" "print_files" {
  bucket                  = aws_s3_bucket.print_files.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = true
  restrict_public_buckets = true
}

resource "aws_iam_policy" "printflow" {
  for_each = fileset("${path.module}/../iam", "*.json")
  name     = "printflow-${trimsuffix(each.value, ".json")}"
  policy   = replace(file("${path.module}/../iam/${each.value}"), "@BUCKET_PREFIX@", var.bucket_prefix)
}
