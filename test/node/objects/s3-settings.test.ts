import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readS3Settings } from "../../../src/node/objects/s3-settings.ts";
import { s3Source } from "../../../src/node/objects/s3-source.ts";
import { packageCopy } from "../../support/package-copy.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const folder = temporaryFolder();
const files = {
  AWS_CONFIG_FILE: join(folder, "config"),
  AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials"),
};
writeFileSync(
  files.AWS_CONFIG_FILE,
  `# regions
[default]
region = eu-central-1

[profile store]
region=here
endpoint_url = https://store.example
s3 =
    addressing_style = virtual
[profile half]
region = halfway
[profile bogus]
s3 =
    addressing_style = Path
[profile sso]
sso_session = company
sso_account_id = 123456789012
sso_role_name = reader
[sso-session company]
sso_start_url = https://company.example/start
sso_region = us-east-1
[profile process]
credential_process = "${process.execPath}" -p "JSON.stringify({Version:1,AccessKeyId:'AK6',SecretAccessKey:'SK6',Expiration:'2099-01-01T00:00:00Z'})"
`,
);
writeFileSync(
  files.AWS_SHARED_CREDENTIALS_FILE,
  `[default]
aws_access_key_id = AK1
aws_secret_access_key = SK1
[store]
aws_access_key_id=AK2
aws_secret_access_key=SK=2
aws_session_token=ST2
[half]
aws_access_key_id = AK7
`,
);

/** Sets variables until the test ends: the AWS SDK reads those of the process. */
function inProcess(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const none = join(folder, "none");
  const shared = {
    AWS_CONFIG_FILE: none,
    AWS_SHARED_CREDENTIALS_FILE: none,
    AWS_EC2_METADATA_DISABLED: "true",
  };
  for (const [name, value] of Object.entries({ ...shared, ...variables })) vi.stubEnv(name, value);
  return process.env;
}
afterEach(() => vi.unstubAllEnvs());

/** That settings are refused, in these words. */
const refused = async (env: NodeJS.ProcessEnv, message: string): Promise<void> =>
  expect(readS3Settings(env)).rejects.toMatchObject({ name: "DataError", code: "data/credentials", message });

describe("settings of S3", () => {
  it("come from the shared files", async () => {
    expect(await readS3Settings(files)).toEqual({
      credentials: { accessKeyId: "AK1", secretAccessKey: "SK1" },
      region: "eu-central-1",
      style: "virtual",
    });
    expect(await readS3Settings({ ...files, AWS_PROFILE: "store" })).toEqual({
      credentials: { accessKeyId: "AK2", secretAccessKey: "SK=2", sessionToken: "ST2" },
      region: "here",
      endpoint: "https://store.example",
      style: "virtual",
    });
  });

  it("come from the environment first", async () => {
    const env = {
      ...files,
      AWS_PROFILE: "store",
      AWS_ACCESS_KEY_ID: "AK3",
      AWS_SECRET_ACCESS_KEY: "SK3",
      AWS_REGION: "there",
      AWS_ENDPOINT_URL: "http://all",
      AWS_ENDPOINT_URL_S3: "http://own",
      AWS_S3_ADDRESSING_STYLE: "path",
    };
    expect(await readS3Settings(env)).toEqual({
      credentials: { accessKeyId: "AK3", secretAccessKey: "SK3" },
      region: "there",
      endpoint: "http://own",
      style: "path",
    });
    expect(await readS3Settings({ ...env, AWS_NO_SIGN_REQUEST: "yes" })).not.toHaveProperty(
      "credentials.accessKeyId",
    );
  });

  it("say which half of a pair of keys is missing, and where", async () => {
    const none = { AWS_CONFIG_FILE: join(folder, "none"), AWS_SHARED_CREDENTIALS_FILE: join(folder, "none") };
    await refused(
      { ...files, AWS_ACCESS_KEY_ID: "AK" },
      "AWS_SECRET_ACCESS_KEY: expected it beside AWS_ACCESS_KEY_ID, there is none. Give both, or neither.",
    );
    await refused(
      { ...none, AWS_ACCESS_KEY_ID: " ", AWS_SECRET_ACCESS_KEY: "SK" },
      "AWS_ACCESS_KEY_ID: expected it beside AWS_SECRET_ACCESS_KEY, there is none. Give both, or neither.",
    );
    await refused(
      { ...files, AWS_PROFILE: "half" },
      `aws_secret_access_key of the profile "half" in ${files.AWS_SHARED_CREDENTIALS_FILE}: expected it beside aws_access_key_id, there is none. Give both, or neither.`,
    );
    await expect(readS3Settings(inProcess(none))).rejects.toMatchObject({
      message: expect.stringContaining(
        `the profile "default" of ${join(folder, "none")}, there are none`,
      ) as string,
    });
  });

  it("need no profile beside keys of the environment", async () => {
    const keys = { AWS_ACCESS_KEY_ID: "AK3", AWS_SECRET_ACCESS_KEY: "SK3" };
    expect(await readS3Settings({ ...files, ...keys, AWS_PROFILE: "stroe" })).toMatchObject({
      credentials: { accessKeyId: "AK3", secretAccessKey: "SK3" },
      region: "us-east-1",
    });
    expect(await readS3Settings({ ...files, ...keys, AWS_PROFILE: "half" })).toMatchObject({
      credentials: { accessKeyId: "AK3", secretAccessKey: "SK3" },
      region: "halfway",
    });
  });

  it("refuse an addressing style that is none", async () => {
    await refused(
      { ...files, AWS_S3_ADDRESSING_STYLE: "bogus" },
      'AWS_S3_ADDRESSING_STYLE: expected one of auto, path, virtual, received "bogus". Correct it, or leave it out.',
    );
    await refused(
      { ...files, AWS_PROFILE: "bogus" },
      's3.addressing_style of the profile "bogus": expected one of auto, path, virtual, received "Path". Correct it, or leave it out.',
    );
    const auto = { ...files, AWS_PROFILE: "store", AWS_S3_ADDRESSING_STYLE: "auto" };
    expect(await readS3Settings(auto)).toMatchObject({ style: "path" });
  });

  it("stay as they are until they end when they cannot be renewed", async () => {
    let renewals = 0;
    const shown: (string | undefined)[] = [];
    const ends = Date.now() + 60_000;
    const server = createServer((request, response) => {
      if (request.url === "/role" && renewals++ > 0) {
        response.writeHead(500).end();
      } else if (request.url === "/role") {
        const Expiration = new Date(ends).toISOString();
        response.end(JSON.stringify({ AccessKeyId: "AK5", SecretAccessKey: "S", Token: "T", Expiration }));
      } else {
        shown.push(/Credential=(\w+)/.exec(request.headers.authorization ?? "")?.[1]);
        response.end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const env = inProcess({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/role`, AWS_ENDPOINT_URL: url });
    const source = s3Source({ env });
    const send = (): Promise<Response> => source.send("s3://bucket/a", {}, AbortSignal.timeout(10_000));
    // At once, and when half of their time is over.
    await Promise.all([send(), send()]);
    expect(renewals).toBe(1);
    vi.useFakeTimers({ toFake: ["Date"], now: ends - 20_000 });
    for (let i = 0; i < 2; i++) await send();
    const tried = renewals;
    expect(tried).toBeGreaterThan(1);
    // The next one is not kept waiting.
    await send();
    expect(renewals).toBe(tried);
    expect(shown).toEqual(Array(5).fill("AK5"));
    vi.useFakeTimers({ toFake: ["Date"], now: ends + 1 });
    const late = send().finally(() => vi.useRealTimers());
    await expect(late).rejects.toMatchObject({ code: "data/credentials" });
    server.closeAllConnections();
    server.close();
  });

  it("come from the container's address", async () => {
    const server = createServer((request, response) => {
      const known = request.headers.authorization === "let me in";
      response.writeHead(known ? 200 : 401).end(
        JSON.stringify({
          AccessKeyId: "AK4",
          SecretAccessKey: "SK4",
          Token: "T4",
          Expiration: "2030-01-01T00:00:00Z",
        }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const address = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/role` };
    const credentials = {
      accessKeyId: "AK4",
      secretAccessKey: "SK4",
      sessionToken: "T4",
      expires: Date.UTC(2030, 0),
    };
    await expect(readS3Settings(inProcess(address))).rejects.toMatchObject({
      code: "data/credentials",
      message: expect.stringMatching(
        /container at http.*, there are none\. The AWS SDK says: .*401\. Give the task a role/,
      ) as string,
    });
    const env = inProcess({ ...address, AWS_CONTAINER_AUTHORIZATION_TOKEN: "let me in" });
    expect(await readS3Settings(env)).toMatchObject({ credentials });
    server.close();
  });

  it("come from a process that the profile names", async () => {
    expect(await readS3Settings(inProcess({ ...files, AWS_PROFILE: "process" }))).toMatchObject({
      credentials: { accessKeyId: "AK6", secretAccessKey: "SK6", expires: Date.UTC(2099, 0) },
    });
  });

  it("say what a profile lacks, and which there are", async () => {
    await expect(readS3Settings(inProcess({ ...files, AWS_PROFILE: "sso" }))).rejects.toMatchObject({
      code: "data/credentials",
      message: expect.stringMatching(
        /sso_session of the profile "sso".*The AWS SDK says: .*aws sso login.*aws configure export-credentials --profile sso/,
      ) as string,
    });
    await expect(readS3Settings({ ...files, AWS_PROFILE: "stroe" })).rejects.toMatchObject({
      message: expect.stringContaining(
        `of ${files.AWS_SHARED_CREDENTIALS_FILE} or ${files.AWS_CONFIG_FILE}, received "stroe"; there are default, store, half, bogus, sso, process`,
      ) as string,
    });
  });

  it("name the package that asks for roles, where it is missing", () => {
    const copy = packageCopy(join(folder, "alone"), "without packages");
    const asked = (name: string): string =>
      execFileSync(
        process.execPath,
        [
          "--input-type=module",
          "-e",
          `const { sdkCredentials } = await import(${JSON.stringify(join(copy, "dist/node/objects/sdk-credentials.js"))});
           await sdkCredentials({}, { name: "me", region: "here", profile: new Map(${name}), file: "" }).catch(({ code, message }) => console.log(code, message));`,
        ],
        { encoding: "utf8" },
      );
    expect(asked(`[["role_arn", "x"]]`)).toMatch(
      /^data\/credentials .*role_arn of the profile "me".*npm install @aws-sdk\/credential-providers.*--profile me/,
    );
    expect(asked("[]")).toMatch(/npm install @aws-sdk\/credential-providers.*AWS_NO_SIGN_REQUEST=1/);
  });
});
