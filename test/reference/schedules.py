"""Learning rates that torch's schedulers give before each step of a run, as JSON."""

import json

import torch
from torch.optim import lr_scheduler as schedulers

STEPS = 60
PEAK = 0.4


def rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = make(optimizer)
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def warm_up(optimizer, steps, start):
    return schedulers.LinearLR(optimizer, start_factor=start / PEAK, total_iters=steps)


print(
    json.dumps(
        {
            "step": rates(lambda o: schedulers.StepLR(o, step_size=20, gamma=0.1)),
            "halving": rates(lambda o: schedulers.StepLR(o, step_size=15, gamma=0.5)),
            "multistep": rates(lambda o: schedulers.MultiStepLR(o, milestones=[30, 45], gamma=0.2)),
            "cosine": rates(lambda o: schedulers.CosineAnnealingLR(o, T_max=STEPS, eta_min=PEAK * 0.05)),
            "warm cosine": rates(
                lambda o: schedulers.SequentialLR(
                    o,
                    [warm_up(o, 12, 0.1), schedulers.CosineAnnealingLR(o, T_max=STEPS - 12)],
                    milestones=[12],
                )
            ),
        }
    )
)
