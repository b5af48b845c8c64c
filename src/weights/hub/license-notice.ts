import type { HubEvent } from "./hub-events.ts";

/** What must be known before the weights are used. */
export const licenseNotice: Extract<HubEvent, { type: "license" }> = {
  type: "license",
  license: "CC-BY-NC-4.0",
  notice:
    "The weights are Facebook's (billion-scale semi-supervised learning, 2019), licensed under " +
    "CC-BY-NC 4.0: name the authors, and do not use them for commercial purposes.",
  url: "https://creativecommons.org/licenses/by-nc/4.0/",
};
