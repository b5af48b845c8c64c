import { blockedGlobalAveragePool } from "../../ops/index.ts";
import { plain, type BlockedRule } from "./rule.ts";

/** [N, C, 1, 1] has the same order in both layouts. */
export const globalAveragePool: BlockedRule = (site) =>
  site.isBlocked(0) ? [plain(blockedGlobalAveragePool(site.blocked(0)))] : undefined;
