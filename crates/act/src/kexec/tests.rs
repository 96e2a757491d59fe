use std::path::PathBuf;

use evidence::record::{RecordedFile, RecordedLoader, SCHEMA};
use evidence::settings::{KexecSettings, Lockdown};
use evidence::{Purpose, Record, Source};
use rustix::io::Errno;

use super::{Earlier, LoadRefusal, RecordError, Records, Tried};

fn record(kernel: &str) -> Record {
    Record {
        schema: SCHEMA,
        by: "physmem 0.1.0".into(),
        purpose: Purpose::Crash,
        loader: RecordedLoader::KexecFileLoad,
        boot_id: "5f8a4c1e".into(),
        time: "2026-11-30T15:43:00Z".into(),
        running: "6.12.1".into(),
        kernel: RecordedFile { path: kernel.into(), size: 9, sha256: "ab".repeat(32) },
        initrd: None,
        command_line: String::new(),
        passed_command_line: String::new(),
        avoid_removable: false,
        no_cma: false,
        is_placed: false,
        segments: Vec::new(),
        map: Vec::new(),
        dump: Vec::new(),
    }
}

struct Root(PathBuf);

impl Root {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("physmem-records-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    /// The kernel in the record that is in its place.
    fn recorded(&self) -> Option<String> {
        let text = std::fs::read(self.0.join("run/physmem/kdump.json")).ok()?;
        Some(serde_json::from_slice::<Record>(&text).unwrap().kernel.path)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join("run/physmem")).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_record_counts_only_when_it_is_kept() {
    let root = Root::new("kept");
    let records = Records::lock(&root.0).unwrap();
    let pending = records.prepare(&record("first")).unwrap();
    assert_eq!(root.recorded(), None);
    pending.keep(&record("first, as loaded")).unwrap();
    assert_eq!(root.recorded().as_deref(), Some("first, as loaded"));
    assert_eq!(root.names(), ["kdump.json", "lock"]);
}

#[test]
fn a_load_that_fails_leaves_the_earlier_record_if_that_image_still_holds() {
    let root = Root::new("failed");
    let records = Records::lock(&root.0).unwrap();
    records.prepare(&record("first")).unwrap().keep(&record("first")).unwrap();
    records.prepare(&record("second")).unwrap().give_up(Earlier::Holds).unwrap();
    assert_eq!(root.recorded().as_deref(), Some("first"));
    records.prepare(&record("second")).unwrap().give_up(Earlier::Lost).unwrap();
    assert_eq!(root.recorded(), None);
    assert_eq!(root.names(), ["kdump.new", "lock"]);
}

#[test]
fn a_load_that_is_killed_leaves_no_record_and_does_not_disturb_the_next_one() {
    let root = Root::new("killed");
    let records = Records::lock(&root.0).unwrap();
    records.prepare(&record("first")).unwrap().keep(&record("first")).unwrap();
    std::mem::forget(records.prepare(&record("killed")).unwrap());
    assert_eq!(root.recorded(), None);
    // What was set aside then belongs to nothing now.
    records.prepare(&record("third")).unwrap().give_up(Earlier::Holds).unwrap();
    assert_eq!(root.recorded(), None);
    records.prepare(&record("fourth")).unwrap().keep(&record("fourth")).unwrap();
    assert_eq!(root.recorded().as_deref(), Some("fourth"));
    assert_eq!(root.names(), ["kdump.json", "lock"]);
}

fn unfinished(root: &Root) -> Option<String> {
    Records::unfinished(&root.0, Purpose::Crash, "5f8a4c1e").map(|record| record.kernel.path)
}

#[test]
fn a_load_that_is_killed_is_unfinished_until_another_one_is_finished() {
    let root = Root::new("unfinished");
    assert_eq!(unfinished(&root), None);
    let records = Records::lock(&root.0).unwrap();
    records.prepare(&record("first")).unwrap().keep(&record("first")).unwrap();
    std::mem::forget(records.prepare(&record("killed")).unwrap());
    // Whoever holds the lock may still be loading.
    assert_eq!(unfinished(&root), None);
    drop(records);
    assert_eq!(unfinished(&root).as_deref(), Some("killed"));
    assert!(Records::unfinished(&root.0, Purpose::Reboot, "5f8a4c1e").is_none());
    assert!(Records::unfinished(&root.0, Purpose::Crash, "another boot").is_none());
    let records = Records::lock(&root.0).unwrap();
    records.prepare(&record("second")).unwrap().keep(&record("second")).unwrap();
    drop(records);
    assert_eq!(unfinished(&root), None);
}

#[test]
fn a_load_that_cost_the_earlier_image_is_unfinished_and_one_that_cost_none_is_not() {
    for (earlier, expected) in
        [(Earlier::Lost, Some("second")), (Earlier::Holds, None), (Earlier::Nothing, None)]
    {
        let root = Root::new("cost");
        let records = Records::lock(&root.0).unwrap();
        records.prepare(&record("first")).unwrap().keep(&record("first")).unwrap();
        records.prepare(&record("second")).unwrap().give_up(earlier).unwrap();
        drop(records);
        assert_eq!(unfinished(&root).as_deref(), expected, "{earlier:?}");
    }
}

#[test]
fn what_is_forgotten_is_not_unfinished() {
    let root = Root::new("forgotten");
    let records = Records::lock(&root.0).unwrap();
    records.prepare(&record("first")).unwrap().keep(&record("first")).unwrap();
    std::mem::forget(records.prepare(&record("killed")).unwrap());
    records.forget(Purpose::Crash).unwrap();
    drop(records);
    assert_eq!(unfinished(&root), None);
    assert_eq!(root.names(), ["lock"]);
}

#[test]
fn a_load_that_is_killed_while_its_record_is_written_leaves_the_earlier_one() {
    let root = Root::new("half");
    let records = Records::lock(&root.0).unwrap();
    records.prepare(&record("first")).unwrap().keep(&record("first")).unwrap();
    std::mem::forget(records.prepare(&record("second")).unwrap());
    drop(records);
    let place = |name: &str| root.0.join("run/physmem").join(name);
    std::fs::write(place("kdump.new"), "{ \"schema\": 1, ").unwrap();
    assert_eq!(unfinished(&root).as_deref(), Some("first"));
    std::fs::remove_file(place("kdump.new")).unwrap();
    assert_eq!(unfinished(&root).as_deref(), Some("first"));
}

#[test]
fn only_root_reads_the_records_and_one_process_at_a_time_writes_them() {
    use std::os::unix::fs::PermissionsExt;
    let root = Root::new("lock");
    let first = Records::lock(&root.0).unwrap();
    first.prepare(&record("first")).unwrap().keep(&record("first")).unwrap();
    let mode = |path: &str| std::fs::metadata(root.0.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run/physmem"), mode("run/physmem/kdump.json")), (0o700, 0o600));
    let lock = std::fs::File::open(root.0.join("run/physmem/lock")).unwrap();
    assert!(matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
    drop(first);
    assert!(lock.try_lock().is_ok());
}

#[test]
fn a_directory_that_cannot_be_made_is_noticed_before_anything_is_loaded() {
    let root = Root::new("no-directory");
    std::fs::write(root.0.join("run"), "a file").unwrap();
    let error = Records::lock(&root.0).unwrap_err();
    assert!(matches!(&error, RecordError::Write { path, .. } if path.ends_with("run/physmem")), "{error}");
}

#[test]
fn an_error_is_explained_by_the_setting_that_is_behind_it() {
    let rule = |errno, change: fn(&mut KexecSettings), loader, purpose, may_boot| {
        let mut settings = KexecSettings::default();
        change(&mut settings);
        let tried = Tried { loader, purpose, settings: &settings, handover: false, size: 9, may_boot };
        LoadRefusal::of(errno, &tried).rule
    };
    let (file, load) = (RecordedLoader::KexecFileLoad, RecordedLoader::KexecLoad);
    let permission = |change, loader| rule(Errno::PERM, change, loader, Purpose::Crash, true);
    assert_eq!(rule(Errno::PERM, |_| (), file, Purpose::Crash, false), "no-privilege");
    assert_eq!(permission(|settings| settings.load_disabled = Source::Read(true), file), "load-disabled");
    assert_eq!(permission(|settings| settings.load_limit_panic = Source::Read(0), file), "load-limit-spent");
    assert_eq!(permission(|settings| settings.load_limit_reboot = Source::Read(0), file), "not-permitted");
    let locked: fn(&mut KexecSettings) = |settings| settings.lockdown = Source::Read(Lockdown::Integrity);
    assert_eq!(permission(locked, file), "locked-down");
    assert_eq!(permission(locked, load), "locked-down");
    let place = |change, loader, purpose| rule(Errno::ADDRNOTAVAIL, change, loader, purpose, true);
    assert_eq!(
        place(|settings| settings.crash_size = Source::Read(0), file, Purpose::Crash),
        "no-reservation"
    );
    assert_eq!(place(|_| (), file, Purpose::Crash), "no-hole");
    assert_eq!(place(|_| (), load, Purpose::Crash), "outside-of-reservation");
}

#[test]
fn every_error_has_a_rule_of_the_list_and_a_remedy() {
    let mut seen = std::collections::BTreeSet::new();
    for purpose in [Purpose::Reboot, Purpose::Crash] {
        for loader in [RecordedLoader::KexecFileLoad, RecordedLoader::KexecLoad] {
            for number in 1..200 {
                let settings = KexecSettings::default();
                for (handover, may_boot) in [(false, false), (true, true)] {
                    let tried =
                        Tried { loader, purpose, settings: &settings, handover, size: 4096, may_boot };
                    let refusal = LoadRefusal::of(Errno::from_raw_os_error(number), &tried);
                    assert!(LoadRefusal::RULES.contains(&refusal.rule), "{}", refusal.rule);
                    assert!(
                        !refusal.reason.is_empty() && !refusal.remedy.is_empty() && !refusal.errno.is_empty()
                    );
                    seen.insert(refusal.rule);
                }
            }
        }
    }
    // The others need a setting.
    let by_setting = ["load-disabled", "load-limit-spent", "locked-down", "no-reservation"];
    assert!(
        LoadRefusal::RULES.iter().all(|rule| seen.contains(rule) || by_setting.contains(rule)),
        "{seen:?}"
    );
    assert!(LoadRefusal::RULES.is_sorted());
}
