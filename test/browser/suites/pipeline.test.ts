import { browserPlatform } from "ssl-resnext/web";
import { pipelineSuite } from "../../contract/pipeline.ts";

pipelineSuite("a page", { platform: browserPlatform, device: "cpu" });
pipelineSuite("a page", { platform: browserPlatform, device: "webgpu" });
