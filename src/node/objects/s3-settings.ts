import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { DataError } from "../../core/index.ts";
import { sdkCredentials, type S3Credentials } from "./sdk-credentials.ts";

type Environment = Readonly<Record<string, string | undefined>>;

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
 * `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`; the profile `AWS_PROFILE` in `~/.aws/credentials` and `~/.aws/config`; what the
 * AWS SDK finds (of this process alone, whatever `env` says). `AWS_NO_SIGN_REQUEST=1` asks without any. Beside keys in the
 * environment a profile is free to be missing.
 *
 * @throws DataError `data/credentials`
 */
export async function readS3Settings(env: Environment): Promise<S3Settings> {
  const name = setting(env, "AWS_PROFILE") ?? setting(env, "AWS_DEFAULT_PROFILE") ?? "default";
  const profile = await readProfile(env, name);
  const endpoint =
    setting(env, "AWS_ENDPOINT_URL_S3") ?? setting(env, "AWS_ENDPOINT_URL") ?? profile.get("endpoint_url");
  const style = addressingStyle(env, name, profile);
  const region =
    setting(env, "AWS_REGION") ?? setting(env, "AWS_DEFAULT_REGION") ?? profile.get("region") ?? "us-east-1";
  return {
    credentials: await findCredentials(env, name, region, profile),
    region,
    endpoint,
    style: style === "path" || (style === "auto" && endpoint !== undefined) ? "path" : "virtual",
  };
}

function setting(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === "" ? undefined : value;
}

/** Ways to say a bucket. */
const styles = ["auto", "path", "virtual"] as const;

function addressingStyle(
  env: Environment,
  name: string,
  profile: ReadonlyMap<string, string>,
): (typeof styles)[number] {
  const variable = setting(env, "AWS_S3_ADDRESSING_STYLE");
  const given = variable ?? profile.get("s3.addressing_style") ?? "auto";
  const style = styles.find((known) => known === given);
  if (style !== undefined) return style;
  const place =
    variable === undefined ? `s3.addressing_style of the profile "${name}"` : "AWS_S3_ADDRESSING_STYLE";
  throw new DataError(
    "data/credentials",
    `${place}: expected one of ${styles.join(", ")}, received "${given}". Correct it, or leave it out.`,
  );
}

async function findCredentials(
  env: Environment,
  name: string,
  region: string,
  profile: ReadonlyMap<string, string>,
): Promise<S3Credentials | undefined> {
  if (/^(1|true|yes|on)$/i.test(env["AWS_NO_SIGN_REQUEST"] ?? "")) return undefined;
  const given = keysOfEnvironment(env);
  if (given) return given;
  const file = sharedFile(env, "credentials").shown;
  // A role that a profile names is taken on by its keys.
  const kept = profile.has("role_arn")
    ? undefined
    : keysAmong(
        (key) => profile.get(key),
        ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"],
        ` of the profile "${name}" in ${file}`,
      );
  return kept ?? sdkCredentials(env, { name, region, profile, file });
}

const keysOfEnvironment = (env: Environment): S3Credentials | undefined =>
  keysAmong(
    (key) => setting(env, key),
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
    "",
  );

/** Keys where there are any. @param where Follows the name of what is missing. @throws DataError for one without the other */
function keysAmong(
  valueOf: (key: string) => string | undefined,
  [id, secret, token]: readonly [string, string, string],
  where: string,
): S3Credentials | undefined {
  const [accessKeyId, secretAccessKey] = [valueOf(id) || undefined, valueOf(secret) || undefined];
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { accessKeyId, secretAccessKey, sessionToken: valueOf(token) };
  if (accessKeyId === secretAccessKey) return undefined;
  const [missing, other] = accessKeyId === undefined ? [id, secret] : [secret, id];
  throw new DataError(
    "data/credentials",
    `${missing}${where}: expected it beside ${other}, there is none. Give both, or neither.`,
  );
}

/**
 * The entries of a profile in both files; those of `credentials` win.
 *
 * @throws DataError when it is named and absent, and the environment has no keys
 */
async function readProfile(env: Environment, name: string): Promise<ReadonlyMap<string, string>> {
  const files = [sharedFile(env, "config"), sharedFile(env, "credentials")] as const;
  const [config, credentials] = [await sectionsOf(files[0].path), await sectionsOf(files[1].path)];
  const found = [config.get(`profile ${name}`) ?? config.get(name), credentials.get(name)];
  const isMissing = name !== "default" && found.every((section) => section === undefined);
  if (isMissing && !keysOfEnvironment(env)) {
    const profiles = [...config.keys()].filter((key) => !/^(sso-session|services) /.test(key));
    const named = [...credentials.keys(), ...profiles].map((key) => key.replace(/^profile /, ""));
    const names = [...new Set(named)];
    throw new DataError(
      "data/credentials",
      `AWS_PROFILE: expected a profile of ${files[1].shown} or ${files[0].shown}, received "${name}"; there are ${names.join(", ") || "none"}.`,
    );
  }
  return new Map(found.flatMap((section) => [...(section ?? [])]));
}

/** A file that the tools of AWS share, and what it is called in messages. */
function sharedFile(
  env: Environment,
  usual: "config" | "credentials",
): { readonly path: string; readonly shown: string } {
  const named = setting(env, usual === "config" ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE");
  return {
    path: named ?? join(setting(env, "HOME") ?? homedir(), ".aws", usual),
    shown: named ?? `~/.aws/${usual}`,
  };
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
