import type { Benchmark } from "../benchmark.ts";
import { formsOf, peerForms } from "../fixtures/peer-forms.ts";
import {
  adaptedResnext17,
  resnet20,
  resnext29,
  resnext50,
  trainingFiles,
  type TrainingNetwork,
} from "../fixtures/training-networks.ts";
import { alternate, type Result } from "../measure/alternate.ts";
import { startNodePeer } from "../measure/node-peer.ts";
import type { Peer } from "../measure/peer.ts";
import { startPythonPeer } from "../measure/python-peer.ts";
import type { Target } from "../report.ts";
import { threads } from "./session.ts";

const ours = { blocked: "ssl-resnext, blocked", standard: "ssl-resnext, standard" } as const;
/** PyTorch's fastest float32 layout may be another for another network. */
const theirs = ["channels-last", "nchw", "bfloat16", "compile", "compile-bf16"] as const;

type OurForm = keyof typeof ours;
type Form = OurForm | (typeof theirs)[number];

const isOurs = (form: Form): form is OurForm => form in ours;

const nameOf = (form: Form): string => (isOurs(form) ? ours[form] : peerForms[form].name);

interface Setting {
  readonly network: TrainingNetwork;
  readonly batch: number;
  /** The standard lowering would take a quarter of an hour of some. */
  readonly without?: Form;
  readonly rounds: number;
  /** Least share of PyTorch's images/s, by the form that is compared and the one that it is compared with. */
  readonly wanted: readonly (readonly [ours: Form, theirs: Form, share: number])[];
}

const large: Setting["wanted"] = [
  ["blocked", "channels-last", 0.95],
  ["blocked", "nchw", 1.1],
];
const small: Setting["wanted"] = [
  ["blocked", "channels-last", 1],
  ["blocked", "nchw", 1],
];

const settings: readonly Setting[] = [
  { network: resnext50, batch: 8, rounds: 6, wanted: [...large, ["standard", "channels-last", 0.75]] },
  { network: resnext50, batch: 32, rounds: 4, without: "standard", wanted: large },
  { network: resnet20, batch: 128, rounds: 15, wanted: small },
  { network: resnext29, batch: 128, rounds: 8, wanted: small },
  { network: adaptedResnext17, batch: 64, rounds: 12, wanted: small },
];

/** One step of training: forward, backward, SGD with momentum. */
export const train: Benchmark = {
  name: "train",
  summary: "steps of training, ResNeXt-50 at 224 and small networks at 32, against PyTorch (8 minutes)",
  async run({ quick }) {
    const measured: Measured[] = [];
    const available = await formsOfPeer();
    for (const setting of quick ? settings.slice(2) : settings) {
      measured.push(await measure({ ...setting, rounds: quick ? 2 : setting.rounds }, available));
    }
    return {
      title: "Steps of training",
      columns: ["", "ms/image", "images/s", "of the fastest float32 PyTorch", "peak memory, GB", "steps"],
      rows: measured.flatMap(rowsOf),
      targets: measured.flatMap(targetsOf),
      notes: [
        `Each on ${threads} threads in a process of its own, in turn within one run; medians of the steps that nothing disturbed, after four that do not count.`,
        "float32 but for the autocast; the same weights, images and smoothed targets, SGD with momentum 0.9 and decay; the losses of all agree.",
        "Steps: undisturbed (disturbed). Peak memory is that of the whole process, to the end of the measurement.",
      ],
      data: measured,
    };
  },
};

interface Step {
  readonly seconds: number;
  readonly loss: number;
}

interface Measured {
  readonly setting: Setting;
  readonly forms: readonly Form[];
  readonly results: readonly Result[];
  /** Highest resident memory in bytes, by form. */
  readonly memory: readonly number[];
}

/** What can be measured here: PyTorch before 2.0 does not compile. */
async function formsOfPeer(): Promise<readonly Form[]> {
  const peer = startPythonPeer("train.py");
  try {
    return [...(Object.keys(ours) as OurForm[]), ...(await formsOf(peer, theirs))];
  } finally {
    await peer.end();
  }
}

async function measure(setting: Setting, available: readonly Form[]): Promise<Measured> {
  const { network, batch, rounds, without } = setting;
  const { config, size, temperature } = network;
  const files = await trainingFiles(network, batch);
  const forms = available.filter((form) => form !== without);
  const peers = forms.map(startForm);
  try {
    const losses: number[] = [];
    for (const [index, peer] of peers.entries()) {
      await peer.call("load", { config, form: forms[index], ...files, batch, size, threads, temperature });
      losses.push((await peer.call<Step>("run")).loss);
    }
    expectAgreement(forms, losses);
    const contestants = forms.map((form, index) => ({
      name: nameOf(form),
      run: async () => (await peers[index]!.call<Step>("run")).seconds,
    }));
    const results = await alternate(contestants, { rounds, warmup: 3 });
    const memory = await Promise.all(peers.map((peer) => peer.call<number>("memory")));
    return { setting, forms, results, memory };
  } finally {
    await Promise.all(peers.map((peer) => peer.end()));
  }
}

const startForm = (form: Form): Peer =>
  isOurs(form) ? startNodePeer("training-step") : startPythonPeer("train.py");

function expectAgreement(forms: readonly Form[], losses: readonly number[]): void {
  for (const [index, loss] of losses.entries()) {
    const limit = isBfloat16(forms[index]!) ? 2e-2 : 1e-4;
    if (!(Math.abs(loss / losses[0]! - 1) < limit)) {
      throw new Error(
        `${nameOf(forms[index]!)} computes something else: its loss is ${loss}, not ${losses[0]}.`,
      );
    }
  }
}

const isBfloat16 = (form: Form): boolean => !isOurs(form) && peerForms[form].precision === "bf16";

const isFloatPeer = (form: Form): boolean => !isOurs(form) && !isBfloat16(form);

function rowsOf({ setting, forms, results, memory }: Measured): readonly (readonly string[])[] {
  const { network, batch } = setting;
  const fastest = Math.min(
    ...results.filter((_, index) => isFloatPeer(forms[index]!)).map(({ seconds }) => seconds),
  );
  return results.map(({ name, seconds, undisturbed, disturbed }, index) => [
    `${network.name}, batch ${batch}: ${name}`,
    ((seconds / batch) * 1000).toFixed(seconds / batch < 0.01 ? 2 : 1),
    (batch / seconds).toFixed(seconds / batch < 0.01 ? 0 : 1),
    `${(fastest / seconds).toFixed(2)}x`,
    (memory[index]! / 1e9).toFixed(2),
    `${undisturbed} (${disturbed})`,
  ]);
}

function targetsOf({ setting, forms, results, memory }: Measured): readonly Target[] {
  const { network, batch, wanted } = setting;
  const what = `${network.name}, batch ${batch}`;
  const of = (form: Form): number => forms.indexOf(form);
  const speeds = wanted.map(([our, their, share]) => {
    const ratio = results[of(their)]!.seconds / results[of(our)]!.seconds;
    return {
      what: `${what}: ${our}, images/s against ${nameOf(their)}`,
      wanted: `at least ${share.toFixed(2)}x`,
      measured: `${ratio.toFixed(2)}x`,
      met: ratio >= share,
    };
  });
  const ratio = memory[of("blocked")]! / memory[of("channels-last")]!;
  const peak = {
    what: `${what}: peak memory against ${nameOf("channels-last")}`,
    wanted: "at most 1.20x",
    measured: `${ratio.toFixed(2)}x`,
    met: ratio <= 1.2,
  };
  return [...speeds, peak];
}
