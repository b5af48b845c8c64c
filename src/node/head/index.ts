export { trainHead, type HeadEvent, type TrainHeadOptions } from "./train-head.ts";
