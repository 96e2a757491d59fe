"""twenty kernels in a row load and boot one another by kexec_load, each with the map that was planned"""

import bootparams
from stage import EVERY_KIND, expect

KERNELS = 20


def tell(story):
    stage = story.guest(events=EVERY_KIND)
    loader = stage.loader("load")
    while stage.kernels <= KERNELS:
        plan = stage.load("kexec", loader, stage.next_line())
        stage.boot_next(loader)
        planned, given = bootparams.planned(plan), bootparams.given(stage.guest)
        expect(f"the map of kernel {stage.kernels}", bootparams.shown(planned), bootparams.shown(given))
    story.shows(f"{stage.kernels - 1} times a kernel booted the next")
