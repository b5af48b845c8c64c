import { createHash } from "node:crypto";
import { AwsV4Signer } from "aws4fetch";
import { DataError } from "../../core/index.ts";
import { notFound } from "../../core/storage/index.ts";
import { environmentFetch } from "../files/environment-fetch.ts";
import type { ObjectSource } from "./object-source.ts";
import { readS3Settings, type S3Settings } from "./s3-settings.ts";

export interface S3SourceOptions {
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** As `ObjectSource`'s. @default 15000 */
  readonly stallAfter?: number | undefined;
}

/** Milliseconds before credentials end at which new ones are asked for; of those that live shortly, half of their time. */
const renewBefore = 300_000;
/** Milliseconds until they are asked for again that could not be had. */
const renewAgainAfter = 10_000;

/** Objects of S3 and of stores that speak as it does: signed requests, and refusals in words. */
export function s3Source({ env = process.env, stallAfter = 15_000 }: S3SourceOptions = {}): ObjectSource {
  const fetch = environmentFetch(env);
  const keys = new Map<string, ArrayBuffer>();
  let known: { readonly settings: S3Settings; readonly expires: number } | undefined;
  let renewAt = 0;
  let renewing: Promise<S3Settings> | undefined;
  const renew = async (): Promise<S3Settings> => {
    try {
      const settings = await readS3Settings(env);
      const expires = settings.credentials?.expires ?? Infinity;
      const left = expires - Date.now();
      renewAt = expires - Math.min(renewBefore, left / 2);
      known = { settings, expires };
    } catch (error) {
      // Those that are there are good until they end.
      if (!known || Date.now() > known.expires) throw error;
      renewAt = Math.min(Date.now() + renewAgainAfter, known.expires);
    }
    return known.settings;
  };
  /** Requests that come together ask for credentials once. */
  const current = async (): Promise<S3Settings> =>
    known && Date.now() < renewAt
      ? known.settings
      : (renewing ??= renew().finally(() => (renewing = undefined)));
  return {
    stallAfter,
    async send(uri, { method = "GET", query = {}, headers = {}, body }, signal) {
      const { credentials, region, ...place } = await current();
      const url = addressOf(uri, { ...place, region });
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      const init = { method, body: body ?? null, signal, redirect: "manual" } as const;
      if (!credentials) return fetch(url, { ...init, headers });
      const hash = createHash("sha256")
        .update(body ?? "")
        .digest("hex");
      // fetch adds to this one where a range is asked for.
      const { "accept-encoding": encoding, ...others } = headers;
      const signed = await new AwsV4Signer({
        ...credentials,
        url: url.href,
        method,
        headers: { ...others, "x-amz-content-sha256": hash },
        service: "s3",
        region,
        cache: keys,
      } as ConstructorParameters<typeof AwsV4Signer>[0]).sign();
      if (encoding !== undefined) signed.headers.set("accept-encoding", encoding);
      return fetch(signed.url, { ...init, headers: signed.headers });
    },
    refusal,
  };
}

/** A bucket and a key, which is taken as it is. */
export function s3Name(uri: string): { readonly bucket: string; readonly key: string } {
  const [, bucket = "", key = ""] = /^s3:\/\/([^/]*)\/*(.*)$/is.exec(uri) ?? [];
  if (bucket !== "") return { bucket, key };
  throw new DataError("data/not-found", `${uri}: expected s3://bucket/key, there is no bucket in it.`);
}

/** @throws DataError for a key whose URL would be another's */
function addressOf(uri: string, { endpoint, region, style }: Omit<S3Settings, "credentials">): URL {
  const { bucket, key } = s3Name(uri);
  if (key.split("/").some((name) => name === "." || name === ".."))
    throw new DataError(
      "data/not-found",
      `${uri}: no URL can say a key with "." or ".." between slashes. Give the object another name.`,
    );
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const service = endpoint ?? `https://s3.${region}.${domain}`;
  if (!/^https?:\/\//i.test(service) || !URL.canParse(service)) {
    throw new DataError(
      "data/credentials",
      `AWS_ENDPOINT_URL: expected the URL of an object store, such as https://minio.example:9000, received "${service}".`,
    );
  }
  const url = new URL(service);
  const base = url.pathname.replace(/\/+$/, "");
  // A name with dots is none that the certificate of the service is for.
  const isPath = style === "path" || (endpoint === undefined && bucket.includes("."));
  if (!isPath) url.host = `${bucket}.${url.host}`;
  url.pathname = [base, ...(isPath ? [encodeSegment(bucket)] : []), encodeKey(key)].join("/");
  return url;
}

/** A key as a part of a URL. */
export const encodeKey = (key: string): string => key.split("/").map(encodeSegment).join("/");

const encodeSegment = (name: string): string =>
  encodeURIComponent(name).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function refusal(uri: string, status: number, headers: Headers, body: string): DataError {
  const { bucket } = s3Name(uri);
  const told = (tag: string): string | undefined => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(body)?.[1];
  const code = told("Code") ?? "";
  const region = headers.get("x-amz-bucket-region") ?? told("Region");
  const said = [status, code].filter(Boolean).join(" ");
  const error = (kind: string, text: string): DataError => new DataError(kind, `${uri}: ${text}`);
  if (code === "NoSuchBucket")
    return error("data/no-bucket", `there is no bucket "${bucket}". Check its name, and AWS_ENDPOINT_URL.`);
  if (code === "RequestTimeTooSkewed")
    return error(
      "data/clock",
      `the store refuses the request for its time: the clock of this machine says ${new Date().toISOString()}, the store's ${headers.get("date") ?? "another"}. Set the clock.`,
    );
  if (region !== undefined && (status === 301 || status === 400 || status === 307))
    return error(
      "data/region",
      `the bucket "${bucket}" is in the region ${region}. Set AWS_REGION=${region}.`,
    );
  if (
    status === 301 ||
    code === "AuthorizationHeaderMalformed" ||
    code === "IllegalLocationConstraintException"
  )
    return error("data/region", `the bucket "${bucket}" is in another region (${said}). Set AWS_REGION.`);
  if (status === 404) return notFound(uri);
  if (status === 412 || status === 409) return error("data/exists", `another writer was first (${said}).`);
  if (code === "InvalidAccessKeyId" || code === "SignatureDoesNotMatch")
    return error(
      "data/credentials",
      `the store does not know these credentials (${said}). Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_PROFILE.`,
    );
  if (code === "ExpiredToken" || code === "InvalidToken" || code === "TokenRefreshRequired")
    return error(
      "data/credentials",
      `the session's credentials are no longer good (${said}). Set new ones, with AWS_SESSION_TOKEN.`,
    );
  if (status === 401 || status === 403)
    return error(
      "data/permission",
      `the store refuses access (${said}). The credentials need s3:GetObject and s3:ListBucket, to write also s3:PutObject and s3:DeleteObject.`,
    );
  return error("data/unreadable", `the store answered ${said}. Try it later.`);
}
