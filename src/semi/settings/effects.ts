import { always, when, type Condition, type Effects } from "../../train/index.ts";
import { semiKeys, type SemiSettings } from "./settings.ts";

type Methods = readonly SemiSettings["method"][];

/** Until a method is chosen, it may be any. */
const inMethod = (methods: Methods, where: string, instead: string): Condition<SemiSettings> => ({
  holds: ({ method: chosen }) => chosen === "auto" || methods.includes(chosen),
  where,
  instead,
});

const inPaper = inMethod(["paper"], "but in method paper", "take that method");
const onLabels = inMethod(["adapt", "labels", "joint"], "in method paper", "take method adapt or labels");
const adapting = inMethod(["adapt"], "but in method adapt", "take that method");
const joining = inMethod(["joint"], "but in method joint", "take that method");
const selecting = inMethod(
  ["joint", "paper"],
  "but in methods paper and joint, which select images",
  "take one of these",
);
const choosing: Condition<SemiSettings> = {
  holds: ({ method: chosen }) => chosen === "auto",
  where: "but where the method is left to choose (auto)",
  instead: "take method auto",
};
const weighing: Condition<SemiSettings> = {
  holds: ({ mode }) => mode === "auto",
  where: "but where the mode is left to choose (auto)",
  instead: "take mode auto",
};
const tuning: Condition<SemiSettings> = {
  holds: ({ mode }) => mode !== "head",
  where: "in mode head, which leaves the network as it is",
  instead: "take mode full",
};
const taught: Condition<SemiSettings> = {
  holds: ({ teach }) => teach,
  where: "with teach false, which takes the teacher as it is",
  instead: "let it be trained (teach: true)",
};
const withTable: Condition<SemiSettings> = {
  holds: ({ labelsFile }) => labelsFile !== null,
  where: "without a table of labels",
  instead: "name one (labelsFile)",
};
const asItIs: Condition<SemiSettings> = {
  holds: ({ teach }) => !teach,
  where: "with teach true: a teacher that is trained has the classes of the labelled images",
  instead: "take it as it is (teach: false)",
};
const begun: Condition<SemiSettings> = {
  ...taught,
  holds: ({ method: chosen, teach }) => teach || (chosen !== "auto" && chosen !== "paper"),
};
const withWeak: Condition<SemiSettings> = {
  holds: ({ weak }) => weak !== null,
  where: "without weakly labelled images",
  instead: "name some (weak)",
};
const heldOut: Condition<SemiSettings> = {
  holds: ({ validation }) => validation === null,
  where: "with validation images of their own (validation)",
  instead: "take these out",
};
const byClass: Condition<SemiSettings> = {
  holds: ({ ranking }) => ranking === "balanced",
  where: "but with ranking balanced: the others look at the best class of an image alone",
  instead: "take that",
};
const byCount: Condition<SemiSettings> = {
  holds: ({ ranking }) => ranking !== "threshold",
  where: "with ranking threshold, which takes every image that reaches it",
  instead: "take ranking balanced or unbalanced",
};
const byScore: Condition<SemiSettings> = {
  holds: ({ ranking }) => ranking === "threshold",
  where: "but with ranking threshold",
  instead: "take that",
};
const comparing: Condition<SemiSettings> = {
  holds: ({ duplicateDistance }) => duplicateDistance !== null,
  where: "with duplicateDistance null, which compares no images",
  instead: "give a distance",
};
const ownStudent: Condition<SemiSettings> = {
  holds: ({ studentStart }) => studentStart !== "teacher",
  where: "with studentStart teacher, which goes on with the teacher's network",
  instead: "take another start",
};
const compared: Condition<SemiSettings> = {
  holds: ({ baseline }) => baseline,
  where: "with baseline false",
  instead: "let it be trained (baseline: true)",
};

/** When each setting has an effect: one that is asked for elsewhere is refused. */
export const semiEffects: Effects<SemiSettings> = {
  labelled: always,
  labelsFile: always,
  imageColumn: when([withTable], null),
  labelColumn: when([withTable], null),
  unlabelled: always,
  validation: when([inPaper], null),
  validationShare: when([inPaper, heldOut], 0),
  test: always,
  exif: always,
  seed: always,
  method: always,
  mode: when([onLabels], "auto"),
  adaptEpochs: when([adapting]),
  adaptImages: when([adapting], null),
  adaptMinutes: when([choosing]),
  adaptRecipe: when([adapting]),
  tuneMinutes: when([onLabels, weighing]),
  tuneRecipe: when([onLabels, tuning]),
  teacher: always,
  ema: always,
  key: always,
  labels: when([inPaper, asItIs], null),
  teach: when([inPaper]),
  scratch: when([begun], false),
  teachRecipe: when([inPaper, taught]),
  weak: when([inPaper, taught], null),
  weakRecipe: when([inPaper, taught, withWeak]),
  p: when([inPaper, byClass]),
  k: when([selecting, byCount], null),
  ranking: when([selecting]),
  noneImages: when([joining]),
  threshold: when([selecting, byScore]),
  duplicateDistance: when([selecting]),
  keepDuplicates: when([selecting, comparing], false),
  shardImages: when([selecting]),
  student: when([inPaper, ownStudent], null),
  studentStart: when([inPaper]),
  pretrainRecipe: when([inPaper]),
  finetuneRecipe: when([inPaper]),
  baseline: when([inPaper]),
  supervisedRecipe: when([inPaper, compared], null),
  seeds: always,
  sweep: always,
  variants: always,
  rounds: when([inPaper]),
};

/**
 * Whoever asks for one of these, and for no method, asks for method `paper`; how images are held out or listed asks for none.
 */
export const paperSettings: readonly (keyof SemiSettings)[] = semiKeys.filter(
  (key) =>
    semiEffects[key].needs.some((needed) => needed === inPaper || needed === selecting) &&
    key !== "validationShare" &&
    key !== "shardImages",
);

/** Settings that weigh in where a method is left to choose, whatever is chosen but `paper`. */
export const adaptSettings: readonly (keyof SemiSettings)[] = semiKeys.filter((key) =>
  semiEffects[key].needs.some((needed) => needed === adapting || needed === choosing),
);
