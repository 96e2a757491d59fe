//! A kernel for tests: blocks that answer as they are told to.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use crate::blocks::Blocks;
use crate::files::Files;

/// What a block does when it is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It changes, as it should.
    Changes,
    /// It fails, for so many times; then it changes.
    Fails(Errno, usize),
    /// It takes the word and does nothing.
    Ignores,
    /// It was online or offline already by itself when the word came.
    ChangedByItself,
    /// It is gone.
    Vanishes,
    /// It waits until a signal comes.
    Waits,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) blocks: BTreeMap<u64, (&'static str, &'static str, Answer)>,
    pub(crate) files: BTreeMap<String, String>,
    /// The words that came, in order.
    pub(crate) written: Vec<(u64, String)>,
    /// How often each directory was listed.
    pub(crate) listed: BTreeMap<String, usize>,
}

#[derive(Clone, Default)]
pub(crate) struct Kernel(pub(crate) Arc<Mutex<State>>);

impl Kernel {
    /// Blocks with a state, and what `valid_zones` shows.
    pub(crate) fn with(blocks: impl IntoIterator<Item = (u64, &'static str, &'static str)>) -> Self {
        let kernel = Self::default();
        {
            let mut state = kernel.0.lock().unwrap();
            state
                .files
                .insert("sys/devices/system/memory/block_size_bytes".to_owned(), "8000000\n".to_owned());
            for (number, is, zones) in blocks {
                state.blocks.insert(number, (is, zones, Answer::Changes));
            }
        }
        kernel
    }

    pub(crate) fn answers(self, number: u64, answer: Answer) -> Self {
        self.0.lock().unwrap().blocks.get_mut(&number).unwrap().2 = answer;
        self
    }

    pub(crate) fn blocks(&self) -> Blocks {
        Blocks::over(Box::new(self.clone()), PathBuf::from("/")).unwrap()
    }

    pub(crate) fn written(&self) -> Vec<u64> {
        self.0.lock().unwrap().written.iter().map(|(number, _)| *number).collect()
    }
}

/// N, and the rest, of `sys/devices/system/memory/memoryN/rest`.
fn block_of(path: &str) -> Option<(u64, &str)> {
    let rest = path.strip_prefix("sys/devices/system/memory/memory")?;
    let (number, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((number.parse().ok()?, rest))
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Files for Kernel {
    fn read(&self, path: &str) -> io::Result<String> {
        let state = self.0.lock().unwrap();
        if let Some((number, rest)) = block_of(path) {
            let (is, zones, _) = state.blocks.get(&number).ok_or_else(missing)?;
            return Ok(format!("{}\n", if rest == "state" { is } else { zones }));
        }
        state.files.get(path).cloned().ok_or_else(missing)
    }

    fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let mut state = self.0.lock().unwrap();
        *state.listed.entry(path.to_owned()).or_default() += 1;
        if let Some((number, "")) = block_of(path) {
            return if state.blocks.contains_key(&number) {
                Ok(vec!["node0".to_owned(), "state".to_owned(), "valid_zones".to_owned()])
            } else {
                Err(missing())
            };
        }
        match path {
            "sys/devices/system/memory" | "sys/devices/system/node/node0" => {
                Ok(state.blocks.keys().map(|number| format!("memory{number}")).collect())
            }
            "sys/devices/system/node" => Ok(vec!["node0".to_owned(), "possible".to_owned()]),
            _ => Err(missing()),
        }
    }

    fn writable(&self, _: &str) -> Result<(), Errno> {
        Ok(())
    }

    fn write(&self, path: &str, word: &str) -> Result<(), Errno> {
        let mut state = self.0.lock().unwrap();
        let Some((number, "state")) = block_of(path) else { return Err(Errno::NOENT) };
        state.written.push((number, word.to_owned()));
        let block = state.blocks.get_mut(&number).ok_or(Errno::NOENT)?;
        let now = if word == "offline" { "offline" } else { "online" };
        match &mut block.2 {
            Answer::Fails(errno, left) if *left > 0 => {
                *left -= 1;
                Err(*errno)
            }
            Answer::Changes | Answer::Fails(..) => {
                block.0 = now;
                if word == "online_movable" {
                    block.1 = "Movable";
                }
                Ok(())
            }
            Answer::Ignores => Ok(()),
            Answer::ChangedByItself => {
                block.0 = now;
                Err(Errno::INVAL)
            }
            Answer::Vanishes => {
                state.blocks.remove(&number);
                Err(Errno::NODEV)
            }
            Answer::Waits => {
                drop(state);
                let (reader, _writer) = rustix::pipe::pipe()?;
                rustix::io::read(&reader, &mut [0]).map(|_| ())
            }
        }
    }
}
