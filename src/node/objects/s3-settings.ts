import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { DataError } from "../../core/index.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Milliseconds since 1970 from when on they are no good. */
  readonly expires?: number | undefined;
}

/** Where a store is and who asks. */
export interface S3Settings {
  /** undefined asks without a signature. */
  readonly credentials: S3Credentials | undefined;
  readonly region: string;
  /** URL of the service; undefined is Amazon's in the region. */
  readonly endpoint: string | undefined;
  /** Whether the bucket is part of the host's name or of the path. */
  readonly style: "virtual" | "path";
}

/**
 * What the environment and the shared files of the AWS tools say, in their order: `AWS_ACCESS_KEY_ID`,
 * `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`; the profile `AWS_PROFILE` in `~/.aws/credentials` and `~/.aws/config`; the
 * address that containers of AWS are given. `AWS_NO_SIGN_REQUEST=1` asks without any.
 *
 * @throws DataError `data/credentials`
 */
export async function readS3Settings(env: Environment): Promise<S3Settings> {
  const name = setting(env, "AWS_PROFILE") ?? setting(env, "AWS_DEFAULT_PROFILE") ?? "default";
  const profile = await readProfile(env, name);
  const endpoint =
    setting(env, "AWS_ENDPOINT_URL_S3") ?? setting(env, "AWS_ENDPOINT_URL") ?? profile.get("endpoint_url");
  const style = setting(env, "AWS_S3_ADDRESSING_STYLE") ?? profile.get("s3.addressing_style") ?? "auto";
  return {
    credentials: await findCredentials(env, name, profile),
    region:
      setting(env, "AWS_REGION") ??
      setting(env, "AWS_DEFAULT_REGION") ??
      profile.get("region") ??
      "us-east-1",
    endpoint,
    style: style === "path" || (style === "auto" && endpoint !== undefined) ? "path" : "virtual",
  };
}

function setting(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === "" ? undefined : value;
}

async function findCredentials(
  env: Environment,
  name: string,
  profile: ReadonlyMap<string, string>,
): Promise<S3Credentials | undefined> {
  if (/^(1|true|yes|on)$/i.test(env["AWS_NO_SIGN_REQUEST"] ?? "")) return undefined;
  const given = {
    accessKeyId: setting(env, "AWS_ACCESS_KEY_ID"),
    secretAccessKey: setting(env, "AWS_SECRET_ACCESS_KEY"),
    sessionToken: setting(env, "AWS_SESSION_TOKEN"),
  };
  const kept = {
    accessKeyId: profile.get("aws_access_key_id"),
    secretAccessKey: profile.get("aws_secret_access_key"),
    sessionToken: profile.get("aws_session_token"),
  };
  for (const { accessKeyId, secretAccessKey, sessionToken } of [given, kept])
    if (accessKeyId !== undefined && secretAccessKey !== undefined)
      return { accessKeyId, secretAccessKey, sessionToken };
  const ofContainer = await containerCredentials(env);
  if (ofContainer) return ofContainer;
  const other = ["credential_process", "sso_session", "sso_start_url", "role_arn"].find((key) =>
    profile.has(key),
  );
  const remedy =
    other === undefined
      ? "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for public buckets AWS_NO_SIGN_REQUEST=1."
      : `Its ${other} is not followed: give keys by 'eval "$(aws configure export-credentials --profile ${name} --format env)"'.`;
  throw new DataError(
    "data/credentials",
    `s3: expected credentials in the environment or in the profile "${name}" of ~/.aws/credentials, there are none. ${remedy}`,
  );
}

/** What tasks of ECS and AWS Batch, and pods of EKS, are given. */
async function containerCredentials(env: Environment): Promise<S3Credentials | undefined> {
  const relative = setting(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const address =
    relative === undefined
      ? setting(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
      : `http://169.254.170.2${relative}`;
  if (address === undefined) return undefined;
  const file = setting(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  try {
    const token =
      file === undefined
        ? setting(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN")
        : (await readFile(file, "utf8")).trim();
    const response = await fetch(address, {
      headers: token === undefined ? {} : { authorization: token },
      signal: AbortSignal.timeout(5000),
    });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    const answer = (await response.json()) as Readonly<Record<string, string | undefined>>;
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken } = answer;
    if (accessKeyId === undefined || secretAccessKey === undefined) throw new Error("it gave no keys");
    return {
      accessKeyId,
      secretAccessKey,
      sessionToken,
      expires: Date.parse(answer["Expiration"] ?? "") || undefined,
    };
  } catch (cause) {
    throw new DataError(
      "data/credentials",
      `s3: the credentials of the container cannot be had from ${address}: ${(cause as Error).message}. Give the task a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`,
      { cause },
    );
  }
}

/** The entries of a profile in both files; those of `credentials` win. @throws DataError when it is named and absent */
async function readProfile(env: Environment, name: string): Promise<ReadonlyMap<string, string>> {
  const fileOf = (variable: string, usual: string): string =>
    setting(env, variable) ?? join(setting(env, "HOME") ?? homedir(), ".aws", usual);
  const config = await sectionsOf(fileOf("AWS_CONFIG_FILE", "config"));
  const credentials = await sectionsOf(fileOf("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
  const found = [config.get(`profile ${name}`) ?? config.get(name), credentials.get(name)];
  if (name !== "default" && found.every((section) => section === undefined)) {
    const named = [...credentials.keys(), ...config.keys()].map((key) => key.replace(/^profile /, ""));
    const names = [...new Set(named)];
    throw new DataError(
      "data/credentials",
      `AWS_PROFILE: expected a profile of ~/.aws/credentials or ~/.aws/config, received "${name}"; there are ${names.join(", ") || "none"}.`,
    );
  }
  return new Map(found.flatMap((section) => [...(section ?? [])]));
}

/** The sections of an INI file; nested entries are `outer.inner`. A file that is missing has none. */
async function sectionsOf(file: string): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const sections = new Map<string, Map<string, string>>();
  const text = await readFile(file, "utf8").catch(() => "");
  let section: Map<string, string> | undefined;
  let outer = "";
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*(.+?)\s*\]/.exec(line)?.[1];
    const [, indent = "", key, value = ""] = /^(\s*)([^\s#;=][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (header !== undefined) {
      section = sections.get(header.replace(/\s+/g, " ")) ?? new Map();
      sections.set(header.replace(/\s+/g, " "), section);
    } else if (section && key !== undefined) {
      if (indent === "") outer = key;
      section.set(indent === "" ? key : `${outer}.${key}`, value);
    }
  }
  return sections;
}
