"""kexec_file_load boots the next kernel, which is given the map that was planned"""

import bootparams
from stage import EVERY_KIND, expect


def tell(story):
    stage = story.guest(events=EVERY_KIND)
    loader = stage.loader("file")
    plan = stage.load("kexec", loader, stage.next_line())
    stage.boot_next(loader)
    given = bootparams.given(stage.guest)
    expect("the second kernel's map", bootparams.shown(bootparams.planned(plan)), bootparams.shown(given))
    story.shows(f"{len(given)} entries of its map are as planned")
