export { lowerBlocked } from "./lower-blocked.ts";
