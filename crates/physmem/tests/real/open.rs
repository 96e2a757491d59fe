//! Cases that do not come out right yet, though they should. A case that does is taken off the list.

/// Kind, name, and what is missing.
pub(crate) const OPEN: &[(&str, &str, &str)] = &[
    ("boards", "clearfog-gt8k-log", "arm64 logs without a tree or EFI's map"),
    ("servers", "hip07-crash-fail", "arm64 logs without a tree or EFI's map"),
    ("servers", "kunpeng-d06", "arm64 logs without a tree or EFI's map"),
    ("servers", "orion-o6", "arm64 logs without a tree or EFI's map"),
    ("old", "xen-dom0-2.6.32", "maps as kernels before 3.5 printed them"),
    ("servers", "express5800-el6", "maps as kernels before 3.5 printed them"),
    ("vms", "vmware-el6", "maps as kernels before 3.5 printed them"),
    ("vms", "xen-domu-4.9", "maps that Xen provided"),
    ("reports", "sos-journal-azure", "a report whose only log is a journal"),
    ("desktops", "sabine-5.0", "a crash kernel below 896 MiB, in old kernels"),
    ("servers", "epyc-8-nodes", "a crash kernel below 896 MiB, in old kernels"),
    ("servers", "superdome-16-nodes", "a crash kernel below 896 MiB, in old kernels"),
    ("reports", "insights-r630", "crashkernel=auto"),
    ("servers", "r630-el7", "crashkernel=auto"),
    ("vms", "vmware-centos7", "crashkernel=auto"),
    ("reports", "bare-crlf-hyperv", "zone DMA32 up to 4 GiB, in old kernels"),
    ("vms", "aws-xen-el7", "zone DMA32 up to 4 GiB, in old kernels"),
    ("vms", "digitalocean", "zone DMA32 up to 4 GiB, in old kernels"),
    ("vms", "hyperv-numa", "zone DMA32 up to 4 GiB, in old kernels"),
    ("vms", "centos9-2-nodes", "`Reserving 512MB of memory at 2544MB for crashkernel`"),
];
