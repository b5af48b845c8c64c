import { execFile, execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { AwsClient } from "aws4fetch";

const run = promisify(execFile);

const programs = ["ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool", "ceph-authtool", "ceph"];
const isInstalled = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

/** Why there can be no object store here; undefined where there can. */
export function objectStoreMissing(): string | undefined {
  const missing = programs.filter((program) => !isInstalled(program));
  return missing.length === 0 ? undefined : `Ceph is not installed (${missing.join(", ")})`;
}

/** A real S3 server: Ceph's gateway over one OSD in memory. */
export interface ObjectStore {
  readonly endpoint: string;
  readonly port: number;
  /** What the AWS tools read: endpoint and credentials, and no shared files. */
  readonly env: Readonly<Record<string, string>>;
  stop(): void;
}

/** Starts one on the loopback interface, which takes about ten seconds. */
export async function startObjectStore(): Promise<ObjectStore> {
  const folder = mkdtempSync(join(tmpdir(), "ceph-"));
  const [monitor, legacy, port] = (await freePorts(3)) as [number, number, number];
  const configuration = join(folder, "ceph.conf");
  const addresses = `[v2:127.0.0.1:${monitor},v1:127.0.0.1:${legacy}]`;
  const id = randomUUID();
  for (const name of ["mon", "osd", "run", "log"]) mkdirSync(join(folder, name));
  writeFileSync(configuration, configurationOf(folder, id, addresses, port));
  const env = { ...process.env, CEPH_CONF: configuration };
  const ceph = (program: string, ...args: readonly string[]): Promise<unknown> =>
    run(program, args, { cwd: folder, env });

  await ceph("monmaptool", "--create", "--clobber", "--addv", "a", addresses, "--fsid", id, "monmap");
  const caps = (...names: readonly string[]): readonly string[] =>
    names.flatMap((name) => ["--cap", name, "allow *"]);
  const key = (name: string, ...options: readonly string[]): Promise<unknown> =>
    ceph("ceph-authtool", "keyring", "--gen-key", "-n", name, ...options);
  await key("mon.", "--create-keyring", ...caps("mon"));
  await key("client.admin", ...caps("mon", "osd", "mgr"));
  await key("client.rgw.a", ...caps("mon", "osd"));
  await key("osd.0", "--cap", "mon", "allow profile osd", ...caps("osd"));
  const conf = ["-c", configuration];
  await ceph("ceph-mon", ...conf, "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring");
  await ceph("ceph-mon", ...conf, "-i", "a", "--pid-file", join(folder, "run/mon.pid"));
  const stop = (): void => {
    for (const name of ["rgw", "osd", "mon"]) {
      const file = join(folder, "run", `${name}.pid`);
      if (existsSync(file)) endProcess(Number(readFileSync(file, "utf8")));
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ceph("ceph", ...conf, "osd", "create");
    await ceph("ceph-osd", ...conf, "-i", "0", "--mkfs", "--osd-uuid", randomUUID());
    await ceph("ceph-osd", ...conf, "-i", "0", "--pid-file", join(folder, "run/osd.pid"));
    await ceph("ceph", ...conf, "osd", "crush", "add", "osd.0", "1", "root=default", `host=${hostname()}`);
    const gateway = [...conf, "-n", "client.rgw.a", "--no-mon-config"];
    await ceph("radosgw", ...gateway, "--pid-file", join(folder, "run/rgw.pid"));
    const keys = ["--access-key", "AKTEST", "--secret", "SKTEST"];
    await ceph("radosgw-admin", ...gateway, "user", "create", "--uid", "t", "--display-name", "t", ...keys);
  } catch (error) {
    stop();
    throw error;
  }
  const endpoint = `http://127.0.0.1:${port}`;
  return { endpoint, port, env: storeEnvironment(endpoint), stop };
}

/** The variables by which a program finds the store and nothing else. */
export const storeEnvironment = (endpoint: string): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: "AKTEST",
  AWS_SECRET_ACCESS_KEY: "SKTEST",
  AWS_REGION: "us-east-1",
  AWS_SHARED_CREDENTIALS_FILE: "/nonexistent/credentials",
  AWS_CONFIG_FILE: "/nonexistent/config",
});

/** Ends a process, waiting until it is gone. */
function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
    for (let i = 0; i < 50; i++) {
      process.kill(pid, 0);
      execFileSync("sleep", ["0.05"]);
    }
  } catch {
    // It is gone.
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const configurationOf = (folder: string, id: string, addresses: string, port: number): string => `[global]
fsid = ${id}
mon host = ${addresses}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
run dir = ${folder}/run
admin socket = ${folder}/run/$name.$pid.asok
log file = ${folder}/log/$name.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = 4294967296
mon data = ${folder}/mon
osd data = ${folder}/osd
public network = 127.0.0.0/8
ms bind msgr2 = true
keyring = ${folder}/keyring
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw enable usage log = false
rgw thread pool size = 32
rgw dns name = localhost
`;

/** Makes a bucket. */
export async function createBucket(store: ObjectStore, name: string): Promise<void> {
  await signedFetch(store, `/${name}`, "PUT");
}

/** What the store answers to a request of its owner. */
export async function signedFetch(
  { endpoint, env }: ObjectStore,
  path: string,
  method = "GET",
): Promise<string> {
  const client = new AwsClient({
    accessKeyId: env["AWS_ACCESS_KEY_ID"]!,
    secretAccessKey: env["AWS_SECRET_ACCESS_KEY"]!,
    service: "s3",
    region: "us-east-1",
  });
  const response = await client.fetch(endpoint + path, { method });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return text;
}
