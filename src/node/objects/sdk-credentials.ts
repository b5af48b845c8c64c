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
 * Credentials where no keys are given, by the AWS SDK for JavaScript, an optional peer: roles, SSO and processes of a profile, else
 * web identities, and what containers, pods and instances of AWS are given. It reads files and variables of this process.
 *
 * @throws DataError `data/credentials` when the SDK is missing, or finds none
 */
export async function sdkCredentials(
  env: Readonly<Record<string, string | undefined>>,
  {
    name,
    region,
    profile,
    file,
  }: {
    readonly name: string;
    /** Of the store; roles are asked for there too, SSO where the profile says. */
    readonly region: string;
    readonly profile: ReadonlyMap<string, string>;
    /** Where profiles keep keys, as messages call it. */
    readonly file: string;
  },
): Promise<S3Credentials> {
  const entry = indirect.find((key) => profile.has(key));
  const address = env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] || env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  const isContainer = entry === undefined && address && !env["AWS_WEB_IDENTITY_TOKEN_FILE"];
  const [what, remedy] =
    entry !== undefined
      ? [
          `expected the credentials that ${entry} of the profile "${name}" stands for, there are none`,
          `'eval "$(aws configure export-credentials --profile ${name} --format env)"' gives them as keys.`,
        ]
      : isContainer
        ? [
            `expected the credentials of the container at ${address}, there are none`,
            "Give the task a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
          ]
        : [
            `expected credentials in the environment or in the profile "${name}" of ${file}, there are none`,
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for public buckets AWS_NO_SIGN_REQUEST=1.",
          ];
  const error = (tried: string, cause: unknown): DataError =>
    new DataError("data/credentials", `s3: ${what}. ${tried} ${remedy}`, { cause });
  // Which versions of it run on which Node is for those who install it.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";
  const sdk = await import("@aws-sdk/credential-providers").catch((cause: unknown) => {
    throw error(
      "Roles, SSO, processes, containers and instances of AWS are asked by the AWS SDK, which cannot be loaded: npm install @aws-sdk/credential-providers@3.1175 beside this package.",
      cause,
    );
  });
  try {
    // The whole chain goes on to the machine's own role where another one cannot be had, and does not say why.
    const provider =
      entry !== undefined ? sdk.fromIni : isContainer ? sdk.fromHttp : sdk.fromNodeProviderChain;
    const found = await provider({ profile: name, parentClientConfig: { region }, ignoreCache: true })();
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
    return { accessKeyId, secretAccessKey, sessionToken, expires: expiration?.getTime() };
  } catch (cause) {
    const [said = ""] = (cause as Error).message.trim().split("\n");
    throw error(`The AWS SDK says: ${said.replace(/\.?$/, ".")}`, cause);
  }
}
