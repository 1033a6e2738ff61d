// SPDX-License-Identifier: ISC

//! A signing daemon. As root it locks memory and reads the 32 bytes of an Ed25519
//! seed directly into it. It then becomes another user for good and signs what
//! its clients send: a length (4 bytes, big-endian, at most 16000) and a message.
//! They receive the 64 bytes of the signature. The cryptography is libsodium's.
//!
//!     signer KEY SOCKET UID GID
use secmalloc::{verify, Arena, Flags, Guarded, Secret};
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::{env, error, process, ptr, thread, time::Duration};

type Result<T> = std::result::Result<T, Box<dyn error::Error>>;
type Key = Guarded<[u8; 64]>;

#[link(name = "sodium")]
extern "C" {
    fn sodium_init() -> i32;
    fn crypto_sign_seed_keypair(public: *mut u8, key: *mut u8, seed: *const u8) -> i32;
    fn crypto_sign_detached(s: *mut u8, sn: *mut u64, m: *const u8, n: u64, key: *const u8) -> i32;
}
extern "C" {
    fn setgroups(count: usize, groups: *const u32) -> i32;
    fn setgid(gid: u32) -> i32;
    fn setuid(uid: u32) -> i32;
    fn prctl(option: i32, ...) -> i32;
}
const PR_SET_DUMPABLE: i32 = 4;

fn load_key(path: &str) -> Result<Key> {
    let mut file = File::open(path)?;
    if file.metadata()?.mode() & 0o077 != 0 {
        return Err("accessible to others: chmod 600".into());
    }
    // A File has no buffer: the kernel writes into the locked memory.
    let seed = Secret::<[u8; 32]>::try_new_with(|seed| file.read_exact(seed))?;
    let mut public = [0; 32];
    // SAFETY: the call has no conditions.
    if unsafe { sodium_init() } < 0 {
        return Err("libsodium cannot be initialized".into());
    }
    // SAFETY: the arrays have the sizes that libsodium documents.
    Ok(Guarded::new_with(|key: &mut [u8; 64]| unsafe {
        crypto_sign_seed_keypair(public.as_mut_ptr(), key.as_mut_ptr(), seed.as_ptr());
    })?)
}

fn drop_privileges(uid: u32, gid: u32) -> io::Result<()> {
    // SAFETY: no pointer is used, because there are no groups to read.
    let done = unsafe {
        setgroups(0, ptr::null()) == 0
            && setgid(gid) == 0
            && setuid(uid) == 0
            && prctl(PR_SET_DUMPABLE, 0_usize) == 0
    };
    done.then_some(()).ok_or_else(io::Error::last_os_error)
}

fn answer(client: &mut UnixStream, message: &mut [u8], key: &Key) -> io::Result<()> {
    let (mut length, mut signature) = ([0; 4], [0; 64]);
    client.read_exact(&mut length)?;
    let size = u32::from_be_bytes(length) as usize;
    let message = message.get_mut(..size).ok_or(io::ErrorKind::InvalidData)?;
    client.read_exact(message)?;
    let key = key.read()?; // From here to drop(), the key can be read.
    let (to, from) = (signature.as_mut_ptr(), message.as_ptr());
    // SAFETY: libsodium writes 64 bytes, and reads the message and the key.
    unsafe { crypto_sign_detached(to, ptr::null_mut(), from, size as u64, key.as_ptr()) };
    drop(key);
    client.write_all(&signature)
}

fn serve(listener: &UnixListener, key: &Key, mut message: Secret<[u8; 16000]>) {
    let limit = Some(Duration::from_secs(10));
    for mut client in listener.incoming().flatten() {
        let limited =
            client.set_read_timeout(limit).is_ok() && client.set_write_timeout(limit).is_ok();
        while limited && answer(&mut client, &mut message[..], key).is_ok() {}
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let (path, socket, uid, gid) = match arguments {
        [_, path, socket, uid, gid] => (path, socket, uid.parse()?, gid.parse()?),
        _ => return Err("usage: signer KEY SOCKET UID GID".into()),
    };
    Arena::builder()
        .initial_pools(2)
        .guarded_chunks(1)
        .flags(Flags::NODUMP)
        .init()?;
    let key = load_key(path).map_err(|error| format!("{path}: {error}"))?;
    let listener = UnixListener::bind(socket).map_err(|error| format!("{socket}: {error}"))?;
    fs::set_permissions(socket, Permissions::from_mode(0o666))?;
    drop_privileges(uid, gid).map_err(|error| format!("cannot become UID {uid}: {error}"))?;
    verify()?; // Locked, not dumped, and no way back to root.
    let messages = [Secret::zeroed()?, Secret::zeroed()?, Secret::zeroed()?];
    println!("ready");
    thread::scope(|scope| {
        for message in messages {
            scope.spawn(|| serve(&listener, &key, message));
        }
    });
    Ok(())
}

fn main() {
    if let Err(error) = run(&env::args().collect::<Vec<_>>()) {
        eprintln!("signer: {error}");
        process::exit(1);
    }
}
