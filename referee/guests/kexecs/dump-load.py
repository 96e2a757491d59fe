"""kexec_load arms a crash kernel; after a crash, its dump holds what was planned, driver-managed memory included"""

import dumps
from stage import EVERY_KIND


def tell(story):
    stage = story.guest(events=EVERY_KIND)
    dumps.is_whole(story, stage, stage.loader("load"))
