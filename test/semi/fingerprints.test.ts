import { join } from "node:path";
import { expect, it } from "vitest";
import { exportSafetensors } from "../../src/node/library.ts";
import { openFingerprints } from "../../src/node/semi/fingerprints.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();

it("knows a model as earlier versions did, so that finished stages stay finished", async () => {
  const path = join(folder, "model.safetensors");
  await exportSafetensors(smallNetwork({ classes: ["red", "green", "blue"] }), path);
  const fingerprints = await openFingerprints(join(folder, "hashes.json"));
  expect(await fingerprints.model(path)).toBe(
    "415a602217318610cd7308af968c04f416e3ccbc1965178a8a78d4604cda2ff2",
  );
});
