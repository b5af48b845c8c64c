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
