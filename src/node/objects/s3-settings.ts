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
 * AWS SDK finds (of this process alone, whatever `env` says). `AWS_NO_SIGN_REQUEST=1` asks without any.
 *
 * @throws DataError `data/credentials`
 */
export async function readS3Settings(env: Environment): Promise<S3Settings> {
  const name = setting(env, "AWS_PROFILE") ?? setting(env, "AWS_DEFAULT_PROFILE") ?? "default";
  const profile = await readProfile(env, name);
  const endpoint =
    setting(env, "AWS_ENDPOINT_URL_S3") ?? setting(env, "AWS_ENDPOINT_URL") ?? profile.get("endpoint_url");
  const style = setting(env, "AWS_S3_ADDRESSING_STYLE") ?? profile.get("s3.addressing_style") ?? "auto";
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

async function findCredentials(
  env: Environment,
  name: string,
  region: string,
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
  // A role that a profile names is taken on by its keys.
  const own = profile.has("role_arn") ? [given] : [given, kept];
  for (const { accessKeyId, secretAccessKey, sessionToken } of own)
    if (accessKeyId !== undefined && secretAccessKey !== undefined)
      return { accessKeyId, secretAccessKey, sessionToken };
  return sdkCredentials(env, { name, region, profile });
}

/** The entries of a profile in both files; those of `credentials` win. @throws DataError when it is named and absent */
async function readProfile(env: Environment, name: string): Promise<ReadonlyMap<string, string>> {
  const fileOf = (variable: string, usual: string): string =>
    setting(env, variable) ?? join(setting(env, "HOME") ?? homedir(), ".aws", usual);
  const config = await sectionsOf(fileOf("AWS_CONFIG_FILE", "config"));
  const credentials = await sectionsOf(fileOf("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
  const found = [config.get(`profile ${name}`) ?? config.get(name), credentials.get(name)];
  if (name !== "default" && found.every((section) => section === undefined)) {
    const profiles = [...config.keys()].filter((key) => !/^(sso-session|services) /.test(key));
    const named = [...credentials.keys(), ...profiles].map((key) => key.replace(/^profile /, ""));
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
