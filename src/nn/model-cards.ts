/** Percent of images whose right class is the best, and among the five best. */
export type TopAccuracy = readonly [top1: number, top5: number];

/** The test sets that timm reports. */
export interface TimmAccuracy {
  readonly imagenet: TopAccuracy;
  readonly imagenetReal: TopAccuracy;
  /** ImageNet-V2, matched frequency. */
  readonly imagenetV2: TopAccuracy;
  readonly sketch: TopAccuracy;
  readonly imagenetA: TopAccuracy;
  readonly imagenetR: TopAccuracy;
}

/** What is published about one set of weights. */
export interface ModelCard {
  /** The card's name. */
  readonly name: string;
  /** timm's name: architecture and tag of the weights. */
  readonly timmTag: string;
  readonly title: string;
  readonly method: "semi-supervised" | "semi-weakly supervised";
  readonly parameters: number;
  /** Multiplications with addition of convolutions and classifier for one image of 224x224, recomputed. */
  readonly multiplyAdds: number;
  /** "FLOPs" as the card states them: about 1.29 times the multiply-adds at 224x224. */
  readonly cardFlops: number;
  /** ImageNet accuracy that the card claims. */
  readonly cardAccuracy: TopAccuracy;
  /** Accuracies that timm measured with these weights. */
  readonly timmAccuracy: TimmAccuracy;
}

/**
 * The twelve models of the release: facts of their model cards (timm's documentation) and of timm's result
 * tables. They are later, better runs than the paper's tables.
 */
export const modelCards: readonly ModelCard[] = [
  {
    name: "ssl_resnext50_32x4d",
    timmTag: "resnext50_32x4d.fb_ssl_yfcc100m_ft_in1k",
    title: "SSL ResNeXt-50 32x4d",
    method: "semi-supervised",
    parameters: 25_028_904,
    multiplyAdds: 4_230_479_872,
    cardFlops: 5_472_648_192,
    cardAccuracy: [80.3, 95.41],
    timmAccuracy: {
      imagenet: [80.316, 95.386],
      imagenetReal: [86.071, 97.205],
      imagenetV2: [69.6, 89.29],
      sketch: [30.616, 50.691],
      imagenetA: [19.693, 53.253],
      imagenetR: [45.37, 61.997],
    },
  },
  {
    name: "ssl_resnext101_32x4d",
    timmTag: "resnext101_32x4d.fb_ssl_yfcc100m_ft_in1k",
    title: "SSL ResNeXt-101 32x4d",
    method: "semi-supervised",
    parameters: 44_177_704,
    multiplyAdds: 7_969_996_800,
    cardFlops: 10_298_145_792,
    cardAccuracy: [80.91, 95.73],
    timmAccuracy: {
      imagenet: [80.936, 95.732],
      imagenetReal: [86.511, 97.466],
      imagenetV2: [70.4, 89.81],
      sketch: [31.455, 52.151],
      imagenetA: [23.8, 57.227],
      imagenetR: [47.183, 63.4],
    },
  },
  {
    name: "ssl_resnext101_32x8d",
    timmTag: "resnext101_32x8d.fb_ssl_yfcc100m_ft_in1k",
    title: "SSL ResNeXt-101 32x8d",
    method: "semi-supervised",
    parameters: 88_791_336,
    multiplyAdds: 16_414_015_488,
    cardFlops: 21_180_417_024,
    cardAccuracy: [81.61, 96.04],
    timmAccuracy: {
      imagenet: [81.62, 96.036],
      imagenetReal: [86.803, 97.474],
      imagenetV2: [71.43, 90.34],
      sketch: [34.064, 55.59],
      imagenetA: [28.96, 60.787],
      imagenetR: [49.157, 65.49],
    },
  },
  {
    name: "ssl_resnext101_32x16d",
    timmTag: "resnext101_32x16d.fb_ssl_yfcc100m_ft_in1k",
    title: "SSL ResNeXt-101 32x16d",
    method: "semi-supervised",
    parameters: 194_026_792,
    multiplyAdds: 36_163_289_088,
    cardFlops: 46_623_691_776,
    cardAccuracy: [81.84, 96.09],
    timmAccuracy: {
      imagenet: [81.856, 96.084],
      imagenetReal: [86.846, 97.519],
      imagenetV2: [71.19, 90.43],
      sketch: [34.62, 55.951],
      imagenetA: [32.4, 63.693],
      imagenetR: [50.287, 66.15],
    },
  },
  {
    name: "ssl_resnet18",
    timmTag: "resnet18.fb_ssl_yfcc100m_ft_in1k",
    title: "SSL ResNet-18",
    method: "semi-supervised",
    parameters: 11_689_512,
    multiplyAdds: 1_814_073_344,
    cardFlops: 2_337_073_152,
    cardAccuracy: [72.62, 91.42],
    timmAccuracy: {
      imagenet: [72.636, 91.416],
      imagenetReal: [80.112, 94.59],
      imagenetV2: [61.49, 83.21],
      sketch: [21.29, 39.126],
      imagenetA: [3.747, 25.293],
      imagenetR: [35.647, 53.82],
    },
  },
  {
    name: "ssl_resnet50",
    timmTag: "resnet50.fb_ssl_yfcc100m_ft_in1k",
    title: "SSL ResNet-50",
    method: "semi-supervised",
    parameters: 25_557_032,
    multiplyAdds: 4_089_184_256,
    cardFlops: 5_282_531_328,
    cardAccuracy: [79.24, 94.83],
    timmAccuracy: {
      imagenet: [79.252, 94.826],
      imagenetReal: [85.138, 96.821],
      imagenetV2: [68.33, 88.56],
      sketch: [29.419, 49.783],
      imagenetA: [15.84, 49.333],
      imagenetR: [43.903, 61.923],
    },
  },
  {
    name: "swsl_resnext50_32x4d",
    timmTag: "resnext50_32x4d.fb_swsl_ig1b_ft_in1k",
    title: "SWSL ResNeXt-50 32x4d",
    method: "semi-weakly supervised",
    parameters: 25_028_904,
    multiplyAdds: 4_230_479_872,
    cardFlops: 5_472_648_192,
    cardAccuracy: [82.17, 96.23],
    timmAccuracy: {
      imagenet: [82.162, 96.224],
      imagenetReal: [87.574, 97.643],
      imagenetV2: [72.46, 90.85],
      sketch: [50.532, 73.326],
      imagenetA: [33.067, 65.213],
      imagenetR: [69.107, 82.93],
    },
  },
  {
    name: "swsl_resnext101_32x4d",
    timmTag: "resnext101_32x4d.fb_swsl_ig1b_ft_in1k",
    title: "SWSL ResNeXt-101 32x4d",
    method: "semi-weakly supervised",
    parameters: 44_177_704,
    multiplyAdds: 7_969_996_800,
    cardFlops: 10_298_145_792,
    cardAccuracy: [83.22, 96.77],
    timmAccuracy: {
      imagenet: [83.268, 96.76],
      imagenetReal: [88.108, 97.963],
      imagenetV2: [74.04, 91.94],
      sketch: [53.646, 76.407],
      imagenetA: [41.6, 71.853],
      imagenetR: [72.703, 85.193],
    },
  },
  {
    name: "swsl_resnext101_32x8d",
    timmTag: "resnext101_32x8d.fb_swsl_ig1b_ft_in1k",
    title: "SWSL ResNeXt-101 32x8d",
    method: "semi-weakly supervised",
    parameters: 88_791_336,
    multiplyAdds: 16_414_015_488,
    cardFlops: 21_180_417_024,
    cardAccuracy: [84.27, 97.17],
    timmAccuracy: {
      imagenet: [84.276, 97.188],
      imagenetReal: [88.757, 98.142],
      imagenetV2: [75.47, 92.69],
      sketch: [56.448, 78.974],
      imagenetA: [51.173, 78.253],
      imagenetR: [75.573, 87.047],
    },
  },
  {
    name: "swsl_resnext101_32x16d",
    timmTag: "resnext101_32x16d.fb_swsl_ig1b_ft_in1k",
    title: "SWSL ResNeXt-101 32x16d",
    method: "semi-weakly supervised",
    parameters: 194_026_792,
    multiplyAdds: 36_163_289_088,
    cardFlops: 46_623_691_776,
    cardAccuracy: [83.34, 96.84],
    timmAccuracy: {
      imagenet: [83.34, 96.844],
      imagenetReal: [87.612, 97.826],
      imagenetV2: [73.72, 92.09],
      sketch: [57.46, 80.402],
      imagenetA: [45.92, 72.067],
      imagenetR: [76.217, 87.73],
    },
  },
  {
    name: "swsl_resnet18",
    timmTag: "resnet18.fb_swsl_ig1b_ft_in1k",
    title: "SWSL ResNet-18",
    method: "semi-weakly supervised",
    parameters: 11_689_512,
    multiplyAdds: 1_814_073_344,
    cardFlops: 2_337_073_152,
    cardAccuracy: [73.28, 91.76],
    timmAccuracy: {
      imagenet: [73.286, 91.754],
      imagenetReal: [80.564, 94.758],
      imagenetV2: [62.68, 84.3],
      sketch: [35.862, 58.461],
      imagenetA: [6.227, 31.28],
      imagenetR: [52.26, 70.47],
    },
  },
  {
    name: "swsl_resnet50",
    timmTag: "resnet50.fb_swsl_ig1b_ft_in1k",
    title: "SWSL ResNet-50",
    method: "semi-weakly supervised",
    parameters: 25_557_032,
    multiplyAdds: 4_089_184_256,
    cardFlops: 5_282_531_328,
    cardAccuracy: [81.14, 95.97],
    timmAccuracy: {
      imagenet: [81.146, 95.98],
      imagenetReal: [86.805, 97.496],
      imagenetV2: [71.67, 90.58],
      sketch: [49.516, 72.34],
      imagenetA: [29.76, 63.84],
      imagenetR: [68.38, 83.387],
    },
  },
];

/** What the cards of all twelve models share. */
export const releaseCard = {
  licence: "CC-BY-NC 4.0",
  licenceUrl: "https://creativecommons.org/licenses/by-nc/4.0/",
  licenceNotice: "Non-commercial use only, and the authors have to be named.",
  /** Unlabelled images by method. */
  unlabelledData: {
    "semi-supervised": "YFCC-100M",
    "semi-weakly supervised": "IG-1B-Targeted",
  },
  labelledData: "ImageNet-1k",
  /** Hyper-parameters of the fine-tuning that made the released weights. */
  hyperParameters: {
    optimizer: "SGD with momentum",
    learningRate: 0.0015,
    epochs: 30,
    batchSize: 1536,
    weightDecay: 1e-4,
    gpus: 64,
    imageSize: 224,
    cropPct: 0.875,
    interpolation: "bilinear",
  },
  paper: {
    title: "Billion-scale semi-supervised learning for image classification",
    url: "https://arxiv.org/abs/1905.00546",
    bibtex: [
      "@article{yalniz2019billion,",
      "  title   = {Billion-scale semi-supervised learning for image classification},",
      "  author  = {Yalniz, I. Zeki and J{\\'e}gou, Herv{\\'e} and Chen, Kan and Paluri, Manohar and Mahajan, Dhruv},",
      "  journal = {arXiv preprint arXiv:1905.00546},",
      "  year    = {2019}",
      "}",
    ],
  },
} as const;

/**
 * Name of the model whose weights are part of the package, so that something is classified right after install.
 *
 * What it knows, how it was trained and how often it is right stands in its file, `models/<name>.safetensors`.
 */
export const embeddedModel = "ssl_resnext17_cifar10";
