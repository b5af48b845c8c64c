import { add, float32, mul, sub } from "../../ops/index.ts";
import type { Lowering } from "../lowering.ts";

export const sgdUpdate: Lowering = ([parameter, gradient, momentum, learningRate], { attributes }) => {
  const [mu, decay] = [attributes["momentum"] as number, attributes["weight_decay"] as number];
  const g = decay > 0 ? add(gradient!, mul(parameter!, float32(decay))) : gradient!;
  const next = add(mul(momentum!, float32(mu)), g);
  const direction = attributes["nesterov"] === 1 ? add(g, mul(next, float32(mu))) : next;
  return [sub(parameter!, mul(direction, learningRate!)), next];
};
