import { describe, expect, it } from "vitest";
import { commandTable } from "../../src/cli/program.ts";
import { runCli } from "../support/run-cli.ts";

describe.concurrent("help", () => {
  it("lists the commands", async () => {
    const { code, stdout, stderr } = await runCli(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`Usage: ssl-resnext [options] [command]

Classify, embed, validate and train with the SSL ResNeXt models, from their
original weights.

Options:
  -v, --version    print the version
  --spool <bytes>  disk for objects of a store, in any command (default: 20GB)
  -h, --help       print this help

Commands:
  models           list the models with trained weights
  info             show a model's card and layers, or what a weights file holds
  classify         say what images show
  embed            turn images into feature vectors or feature maps
  validate         measure a model's accuracy over labelled images
  check            look for wrong, doubled and leaking photos before a run
  train            train or fine-tune a model on your own labelled images
  adapt            go on training a network on images without labels
  semi             train a student on labelled and unlabelled images
  worker           score shards of a queue, beside other machines
  suggest          find the unlabelled images whose labels would help most
  export           write a model as ONNX, safetensors or a Hugging Face folder
  average          average checkpoints of one model
  benchmark        measure the images a second of a model
  help [command]   print the help of a command

Examples:
  ssl-resnext classify dog.jpg
  ssl-resnext classify dog.jpg --model ssl_resnext50_32x4d
  ssl-resnext validate imagenet/val --model ssl_resnext101_32x8d
  ssl-resnext classify --help
`);
  });

  it.each([
    [["models", "--spool", "much"]],
    [["--spool", "much", "models"]],
    [["semi", "run", "--spool=much", "-o", "run"]],
  ])("knows the option of all commands: %j", async (line) => {
    const { code, stdout, stderr } = await runCli(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`expected a size such as 20GB or 500MB, received "much"`);
  });

  const stages = ["run", "sweep", "teach", "score", "select", "pretrain", "finetune", "supervised", "report"];
  const names = commandTable.flatMap(({ name }) =>
    name === "semi" ? stages.map((stage) => `semi ${stage}`) : [name],
  );

  it("of semi lists its commands", async () => {
    const { stdout } = await runCli(["semi", "--help"]);
    for (const stage of stages) expect(stdout).toMatch(new RegExp(`^  ${stage} `, "m"));
    expect(stdout).toContain("\nExamples:\n");
  });

  it.each(names)("%s ends with examples", async (name) => {
    const { code, stdout, stderr } = await runCli([...name.split(" "), "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: ssl-resnext ${name}`);
    expect(stdout).toContain("--json");
    const [, examples = ""] = stdout.split("\nExamples:\n");
    expect(examples).toMatch(new RegExp(String.raw`^(  # .+\n  ssl-resnext ${name}\b.*\n)+$`));
  });

  it("says the version", async () => {
    expect((await runCli(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe.concurrent("wrong command lines exit with 2 and say what to do", () => {
  it.each([
    [["classify", "x.jpg", "--topkk", "3"], "unknown option '--topkk'\n(Did you mean --topk?)"],
    [["clasify"], "unknown command 'clasify'\n(Did you mean classify?)"],
    [["classify"], "missing required argument 'images'"],
    [["classify", "x.jpg", "--topk", "0"], '--topk: expected a whole number of at least 1; got "0".'],
    [["classify", "x.jpg", "--crop-pct", "2"], "--crop-pct: expected a number above 0 and at most 1"],
    [["classify", "x.jpg", "--img-size", "big"], "--input-size: expected a whole number from 1 to 4096"],
    [["classify", "x.jpg", "--device", "tpu"], "--device: expected one of cpu, webgpu"],
    [
      ["classify", "x.jpg", "--labels", "absent.txt"],
      "error: absent.txt: no such file or folder. Check the path.",
    ],
    [["export"], "--output is required."],
    [["export", "-o", "model.bin"], "end it in .onnx or .safetensors"],
    [["export", "-o", "model.safetensors", "--outputs", "layer4"], "--outputs belongs to onnx"],
    [["export", "-o", "model.safetensors", "--with-preprocessing"], "--with-preprocessing belongs to onnx"],
    [["export", "-o", "model.safetensors", "--precision", "int8"], "--precision int8 belongs to onnx"],
    [
      ["export", "-o", "x.onnx", "-m", "ssl_resnet18", "--calibrate", "x"],
      "--calibrate belongs to --precision int8",
    ],
    [["export", "-o", "x.onnx", "--precision", "int8"], "--precision int8 needs --calibrate DATA"],
    [["classify", "x.jpg", "--precision", "int4"], "--precision: expected one of fp32, bf16, int8"],
    [["info", "ssl_resnext50"], 'There is no model "ssl_resnext50". Did you mean ssl_resnext50_32x4d, '],
    [["info", "resnet18"], "an architecture without a card; ask for ssl_resnet18 or swsl_resnet18."],
    [["embed", "x.jpg", "--tap", "layer4", "-o", "x.csv"], "a feature map has no place in CSV"],
  ])("%j", async (args, message) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

describe.concurrent("what needs no weights", () => {
  it("models, as JSON", async () => {
    const models = JSON.parse((await runCli(["models", "--json"])).stdout) as { name: string }[];
    expect(models).toHaveLength(13);
    expect(models[0]).toEqual({
      name: "ssl_resnext50_32x4d",
      timm: "resnext50_32x4d.fb_ssl_yfcc100m_ft_in1k",
      method: "semi-supervised",
      classes: 1000,
      parameters: 25_028_904,
      downloadBytes: 100_428_550,
      multiplyAdds: 4_230_479_872,
      top1: 80.3,
      top5: 95.41,
      testSet: "ImageNet",
      licence: "CC-BY-NC 4.0",
    });
  });

  it("models, in 80 columns but for names of timm, with the size of each download", async () => {
    const { stdout } = await runCli(["models"]);
    expect(stdout).toMatch(/^ssl_resnext101_32x16d +194,026,792 +777\.5 MB +36\.16 +81\.84 +96\.09/m);
    expect(stdout).toMatch(/^swsl_resnet18 +11,689,512 +~47 MB /m);
    const names = / *(resnex?t\d\S*\.fb_\S+|timm's name, accepted too)$/;
    for (const line of stdout.split("\n")) expect(line.replace(names, "").length).toBeLessThanOrEqual(80);
  });

  it("info, for reading: multiply-adds and the card's FLOPs told apart", async () => {
    const { code, stdout } = await runCli(["info", "resnext50_32x4d.fb_ssl_yfcc100m_ft_in1k", "--layers"]);
    expect(code).toBe(0);
    expect(stdout).toContain(
      "multiply-adds  4.23 G for one image of 224x224, counted from the definition\n" +
        "card's FLOPs   5.47 G as the card states them, 1.29 times the multiply-adds\n",
    );
    expect(stdout).toContain("CC-BY-NC 4.0");
    expect(stdout).toMatch(/\nImageNet +the card +80\.30 +95\.41\n/);
    expect(stdout).toMatch(/\ntotal +25,028,904 +4\.23 G\n$/);
  });
});
