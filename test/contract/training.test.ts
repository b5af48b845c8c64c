import { nodeTrainingPlatform } from "ssl-resnext/node";
import { trainingSuite } from "./training.ts";

trainingSuite("Node", nodeTrainingPlatform);
