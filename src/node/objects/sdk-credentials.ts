import { DataError } from "../../core/index.ts";

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Milliseconds since 1970 from when on they are no good. */
  readonly expires?: number | undefined;
}

/** Entries of a profile by which keys are had from someone else. */
const indirect = ["role_arn", "credential_process", "sso_session", "sso_start_url", "login_session"];

/**
 * Credentials where no keys are given, by the AWS SDK for JavaScript, an optional peer: roles, SSO and processes of a profile, else what
 * containers, pods and instances of AWS are given.
 *
 * @param name Of the profile.
 * @throws DataError `data/credentials` when the SDK is missing, or finds none
 */
export async function sdkCredentials(
  name: string,
  region: string,
  profile: ReadonlyMap<string, string>,
): Promise<S3Credentials> {
  const entry = indirect.find((key) => profile.has(key));
  const [what, remedy] =
    entry === undefined
      ? [
          `expected credentials in the environment or in the profile "${name}" of ~/.aws/credentials, there are none`,
          "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for public buckets AWS_NO_SIGN_REQUEST=1.",
        ]
      : [
          `expected the credentials that ${entry} of the profile "${name}" stands for, there are none`,
          `'eval "$(aws configure export-credentials --profile ${name} --format env)"' gives them as keys.`,
        ];
  const error = (tried: string, cause: unknown): DataError =>
    new DataError("data/credentials", `s3: ${what}. ${tried} ${remedy}`, { cause });
  const sdk = await import("@aws-sdk/credential-providers").catch((cause: unknown) => {
    throw error(
      "Roles, SSO, processes, containers and instances of AWS are asked by the AWS SDK, which cannot be loaded: npm install @aws-sdk/credential-providers beside this package.",
      cause,
    );
  });
  try {
    // The whole chain goes on to the machine's own role where a profile cannot be followed.
    const provider = entry === undefined ? sdk.fromNodeProviderChain : sdk.fromIni;
    const found = await provider({ profile: name, clientConfig: { region } })();
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
    return { accessKeyId, secretAccessKey, sessionToken, expires: expiration?.getTime() };
  } catch (cause) {
    const said = (cause as Error).message.trim().replace(/\.?$/, ".");
    throw error(`The AWS SDK says: ${said}`, cause);
  }
}
