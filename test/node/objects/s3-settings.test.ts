import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { readS3Settings } from "../../../src/node/objects/s3-settings.ts";
import { s3Source } from "../../../src/node/objects/s3-source.ts";
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
[profile sso]
sso_session = company
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
`,
);

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
    const env = { HOME: folder, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/role`, AWS_ENDPOINT_URL: url };
    const source = s3Source({ env });
    const send = (): Promise<Response> => source.send("s3://bucket/a", {}, AbortSignal.timeout(10_000));
    for (let i = 0; i < 2; i++) await send();
    expect(shown).toEqual(["AK5", "AK5"]);
    expect(renewals).toBeGreaterThan(1);
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
    const env = {
      HOME: folder,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${(server.address() as AddressInfo).port}/role`,
    };
    const credentials = {
      accessKeyId: "AK4",
      secretAccessKey: "SK4",
      sessionToken: "T4",
      expires: Date.UTC(2030, 0),
    };
    expect(await readS3Settings({ ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN: "let me in" })).toMatchObject({
      credentials,
    });
    await expect(readS3Settings(env)).rejects.toMatchObject({
      code: "data/credentials",
      message: expect.stringContaining("answered 401") as string,
    });
    server.close();
  });

  it("say what is not followed", async () => {
    await expect(readS3Settings({ ...files, AWS_PROFILE: "sso" })).rejects.toMatchObject({
      code: "data/credentials",
      message: expect.stringMatching(
        /sso_session is not followed.*aws configure export-credentials --profile sso/,
      ) as string,
    });
    await expect(readS3Settings({ ...files, AWS_PROFILE: "stroe" })).rejects.toMatchObject({
      message: expect.stringContaining("there are default, store, sso") as string,
    });
  });
});
