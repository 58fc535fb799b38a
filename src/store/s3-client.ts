/** Connects to a bucket, and says at start what is wrong with it: later every failure looks like an outage. */
import { HeadBucketCommand, S3Client, type S3ClientConfig, S3ServiceException } from '@aws-sdk/client-s3';
import type { S3Place } from '../config.js';

/** Milliseconds: to connect, to wait for an answer of each try, and without a byte. */
const TIMEOUTS = { connectionTimeout: 2_000, requestTimeout: 10_000, socketTimeout: 10_000 };
const ATTEMPTS = 3;

/** Credentials come by the chain of the AWS SDK, unless `options` bring them. Nothing is sent yet. */
export const s3Client = ({ region, endpoint }: S3Place, options: S3ClientConfig = {}): S3Client =>
  new S3Client({
    region,
    maxAttempts: ATTEMPTS,
    requestHandler: { ...TIMEOUTS, throwOnRequestTimeout: true },
    // Other servers than Amazon's do not all know the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // A bucket as part of the host name asks for a DNS that few own servers have.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...options,
  });

/** Throws an error that names the variable to change when the bucket cannot be used. */
export async function checkBucket(client: S3Client, place: S3Place): Promise<void> {
  try {
    await client.send(new HeadBucketCommand({ Bucket: place.bucket }));
  } catch (cause) {
    throw new Error(explained(cause, place), { cause });
  }
}

function explained(error: unknown, { bucket, endpoint, region }: S3Place): string {
  const where = endpoint ?? `the region ${region}`;
  if (error instanceof S3ServiceException) {
    const { httpStatusCode: status } = error.$metadata;
    if (status === 404)
      return `The bucket '${bucket}' of LATENTMORPH_BLOBS does not exist at ${where}: create it.`;
    if (status === 403)
      return `The bucket '${bucket}' of LATENTMORPH_BLOBS does not let these credentials in: they need s3:ListBucket on it and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects.`;
    if (status === 301 || status === 400)
      return `The bucket '${bucket}' of LATENTMORPH_BLOBS is not at ${where}: set AWS_REGION to its region.`;
  }
  if (error instanceof Error && error.name === 'CredentialsProviderError')
    return 'LATENTMORPH_BLOBS names a bucket but there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role.';
  const hint = endpoint === undefined ? '' : ' Is LATENTMORPH_S3_ENDPOINT right?';
  const reason = error instanceof Error ? error.message || error.name : String(error);
  return `The bucket '${bucket}' of LATENTMORPH_BLOBS cannot be reached at ${where}: ${reason}.${hint}`;
}
