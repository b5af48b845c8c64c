import { version } from "../../core/version.ts";
import { countParameters, family, findCard, statedAccuracy, type ModelDescription } from "../../nn/index.ts";
import { licenceId, type FolderFacts } from "./configs.ts";

/** The model card of the folder: `README.md` of a repository of the Hugging Face hub. */
export function modelCardText(facts: FolderFacts, timm: boolean): string {
  const { description, labels } = facts;
  const { name, config, preprocessing } = description;
  const { inputSize, cropPct, interpolation, mean, std, exifOrientation } = preprocessing;
  const task = config.numClasses > 0 ? "image-classification" : "image-feature-extraction";
  const known = labels.length > 0 && labels.length <= 100 ? `: ${labels.map(inline).join(", ")}` : "";
  return `${frontMatter(facts, timm ? "timm" : "onnx", task)}
# ${plain(name)}

${family.title(config)}, ${countParameters(config).toLocaleString("en")} parameters${
    config.numClasses > 0 ? `, ${config.numClasses} classes${known}` : "; it gives embeddings"
  }. Written by ssl-resnext ${version}.

## Measured

${[measured(description), ...sureness(description)].join("\n")}

## Origin and licence

${[...origin(description), `- licence of the weights: ${facts.licence ? plain(facts.licence) : "not stated"}`].join("\n")}

## Images

Short side to ${Math.floor(inputSize / cropPct)} (${interpolation}, antialiased), centre crop of ${inputSize}x${inputSize}, mean ${list(mean)}, standard deviation
${list(std)}. ${
    exifOrientation
      ? "Turn photographs upright first, as EXIF says: the model was measured so."
      : "The EXIF orientation is not looked at."
  }

## Use

${uses(timm, config.numClasses > 0)
  .map(([tool, language, code]) => `${tool}:\n\n\`\`\`${language}\n${code}\n\`\`\``)
  .join("\n\n")}
`;
}

/** The model card of `web/`, which is a repository of its own on a hub. */
export function webCardText(facts: FolderFacts): string {
  const { name, config } = facts.description;
  const task = config.numClasses > 0 ? "image-classification" : "image-feature-extraction";
  return `${frontMatter(facts, "transformers.js", task)}
# ${plain(name)} for transformers.js

The graphs take pixels from 0 to 255 of an image of any size, one at a time, and resize, crop and normalise inside.

\`\`\`js
${webCode(config.numClasses > 0)}
\`\`\`
`;
}

function frontMatter({ licence }: FolderFacts, library: string, task: string): string {
  const license = licence === undefined ? "" : `license: ${licenceId(licence)}\n`;
  return `---\n${license}library_name: ${library}\npipeline_tag: ${task}\ntags:\n  - ssl-resnext\n---\n`;
}

/** What the weights say was measured of them, or what is published of released ones. */
function measured(description: ModelDescription): string {
  const { validationTop1, "validation images": images = "", crossValidatedTop1 } = description.provenance;
  const { "cross-validation": folds = "" } = description.provenance;
  const stated = statedAccuracy(description);
  const lines = [
    ...(stated
      ? [
          `Top-1 ${stated.accuracy[0].toFixed(2)} %, top-5 ${stated.accuracy[1].toFixed(2)} % on ${plain(stated.testSet)}.`,
        ]
      : []),
    ...(validationTop1 === undefined
      ? []
      : [`Top-1 ${plain(validationTop1)} % in validation, on ${plain(images)}.`]),
    ...(crossValidatedTop1 === undefined
      ? []
      : [`Top-1 ${plain(crossValidatedTop1)} % by cross-validation, ${plain(folds)}.`]),
  ];
  if (lines.length > 0) return lines.join("\n");
  const card = findCard(description.name);
  if (!card) return "Nothing: no accuracy is stated with these weights.";
  const [top1, top5] = card.timmAccuracy.imagenet;
  return `Top-1 ${top1} %, top-5 ${top5} % on ImageNet, as timm measured these weights; nothing was measured while this was written.`;
}

/** What other programs, which take the softmax of the logits as they come, should know of their probabilities. */
function sureness({ confidence }: ModelDescription): readonly string[] {
  if (!confidence) return [];
  const { temperature, unknownBelow, fittedTo } = confidence;
  return [
    `Divide the logits by ${temperature} before the softmax: this temperature was fitted to ${plain(fittedTo)}. A best class below ${unknownBelow} is better taken as unknown then.`,
  ];
}

/** Accuracies and the licence stand in sections of their own; recipes are long, and stand in `model.safetensors`. */
const elsewhere: ReadonlySet<string> = new Set([
  "top1",
  "top5",
  "test set",
  "validationTop1",
  "validation images",
  "crossValidatedTop1",
  "cross-validation",
  "licence",
]);

const origin = ({ provenance }: ModelDescription): readonly string[] =>
  Object.entries(provenance)
    .filter(([key]) => !elsewhere.has(key) && !key.startsWith("recipe"))
    .map(([key, value]) => `- ${plain(key)}: ${plain(value)}`);

type Use = readonly [tool: string, language: string, code: string];

function uses(timm: boolean, classifies: boolean): readonly Use[] {
  const auto = classifies ? "AutoModelForImageClassification" : "AutoModel";
  const python: readonly Use[] = [
    [
      "timm",
      "python",
      'import timm; model = timm.create_model("local-dir:FOLDER", pretrained=True).eval()  # or "hf_hub:USER/NAME"',
    ],
    [
      "transformers",
      "python",
      `from transformers import AutoImageProcessor, ${auto}; model = ${auto}.from_pretrained("FOLDER"); processor = AutoImageProcessor.from_pretrained("FOLDER")`,
    ],
  ];
  return [
    ...(timm ? python : []),
    [
      "ONNX Runtime",
      "python",
      'import onnxruntime; outputs = onnxruntime.InferenceSession("FOLDER/model.onnx").run(None, {"pixel_values": images})',
    ],
    [
      "OpenVINO, whose CPU computes in bfloat16 of its own accord where it can; the hint prevents that",
      "python",
      'import openvino; model = openvino.Core().compile_model("FOLDER/model.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})',
    ],
    ["transformers.js, from `web/`, on a hub a repository of its own", "js", webCode(classifies)],
    [
      "ssl-resnext",
      "sh",
      `npx ssl-resnext ${classifies ? "classify" : "embed"} photo.jpg -w FOLDER/model.safetensors`,
    ],
  ];
}

const webCode = (classifies: boolean): string =>
  `import { pipeline } from "@huggingface/transformers"; const run = await pipeline("${
    classifies ? "image-classification" : "image-feature-extraction"
  }", "USER/NAME", { dtype: "fp32" });`;

const list = (values: readonly number[]): string => values.join(", ");

/** Text of others as one line without markup. */
const plain = (text: string): string => text.replace(/[\r\n]+/g, " ").replace(/[\\`*_[\]<>|#]/g, "\\$&");

const inline = (text: string): string => `\`${text.replace(/[\r\n`]+/g, " ")}\``;
