//! What Redis does at once.
//!
//! `meta` is a hash with the epoch, the run of Redis that it belongs to, the clock, and the seed by
//! which slots are found; `fences` a text with eight bytes for each slot: the clock's time of its
//! last purge, the highest byte first. It has its whole length, a mebibyte, from the beginning: one that is shorter or gone, because
//! Redis made room, has lost purges, and a new epoch begins.
//! What was kept in another epoch does not count: answers may have survived what their purge has
//! not, where Redis came back with an older snapshot.

use fred::types::scripts::Script;
use std::sync::LazyLock;

/// 1048576 is eight bytes for each of `fence::SLOTS`.
///
/// KEYS: meta, fences. ARGV: a new epoch, a seed for it, the channel. Returns the epoch, the clock
/// and the seed.
pub(super) static HELLO: LazyLock<Script> = LazyLock::new(|| {
    Script::from_lua(
        r"
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local known = redis.pcall('HMGET', KEYS[1], 'epoch', 'run', 'seed')
if known.err
    or not known[1]
    or known[2] ~= run
    or not known[3]
    or redis.pcall('STRLEN', KEYS[2]) ~= 1048576
then
    redis.call('DEL', KEYS[1], KEYS[2])
    redis.call('SETRANGE', KEYS[2], 1048575, '\0')
    redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'run', run, 'clock', 0, 'seed', ARGV[2])
    redis.call('PUBLISH', ARGV[3], 'epoch ' .. ARGV[1])
end
return redis.call('HMGET', KEYS[1], 'epoch', 'clock', 'seed')
",
    )
});

/// KEYS: meta, fences, the answer, what answers depend on, the lease. ARGV: the epoch, whether one
/// that is there does not do, a token, for how many milliseconds the lease lasts, how many facts
/// are known, these, the slots.
///
/// A lease is a token and the clock's time from when it was taken: one whose holder reads what was
/// made stale since keeps nobody else from it.
///
/// Returns what it found: `gone`; `answer`, its bytes and for how much longer it lasts; `depends`
/// and the facts; `lease` and the clock; `wait`.
pub(super) static FIND: LazyLock<Script> = LazyLock::new(|| {
    Script::from_lua(
        r"
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'clock')
if meta[1] ~= ARGV[1] or redis.call('STRLEN', KEYS[2]) ~= 1048576 then
    return { 'gone' }
end
local known = {}
local first = 6 + tonumber(ARGV[5])
local function is_current(time)
    for index = first, #ARGV do
        local from = tonumber(ARGV[index]) * 8
        local fence = redis.call('GETRANGE', KEYS[2], from, from + 7)
        if struct.unpack('>I8', fence) > time then
            return false
        end
    end
    return true
end
for index = 6, first - 1 do
    known[ARGV[index]] = true
end
local depends = redis.pcall('SMEMBERS', KEYS[4])
if depends.err then
    redis.call('DEL', KEYS[4])
    depends = {}
end
for _, fact in ipairs(depends) do
    if not known[fact] then
        return { 'depends', unpack(depends) }
    end
end
if ARGV[2] == '' then
    local answer = redis.pcall('GET', KEYS[3])
    if type(answer) == 'string' and #answer > 24 and is_current(struct.unpack('>I8', answer, 9)) then
        return { 'answer', answer, redis.call('PTTL', KEYS[3]) }
    end
end
local lease = redis.pcall('GET', KEYS[5])
local taken_at = type(lease) == 'string' and tonumber(string.match(lease, ' (%d+)$'))
if taken_at and is_current(taken_at) then
    return { 'wait' }
end
redis.call('SET', KEYS[5], ARGV[3] .. ' ' .. meta[2], 'PX', ARGV[4])
return { 'lease', meta[2] }
",
    )
});

/// KEYS: meta, fences, the answer, what answers depend on, the lease of those who waited. ARGV: the
/// epoch, the token, the clock from when the lease was taken, the answer's bytes, nothing where
/// there is none, for how many milliseconds it lasts, how many facts there are, these, the slots.
pub(super) static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::from_lua(
        r"
if redis.pcall('GET', KEYS[5]) == ARGV[2] .. ' ' .. ARGV[3] then
    redis.call('DEL', KEYS[5])
end
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1]
    or redis.call('STRLEN', KEYS[2]) ~= 1048576
    or ARGV[4] == ''
then
    return
end
local first = 7 + tonumber(ARGV[6])
for index = first, #ARGV do
    local from = tonumber(ARGV[index]) * 8
    local fence = redis.call('GETRANGE', KEYS[2], from, from + 7)
    if struct.unpack('>I8', fence) > tonumber(ARGV[3]) then
        return
    end
end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
if redis.call('SCARD', KEYS[4]) > 32 then
    redis.call('DEL', KEYS[4])
end
for index = 7, first - 1 do
    redis.call('SADD', KEYS[4], ARGV[index])
end
redis.call('PEXPIRE', KEYS[4], 2 * ARGV[5])
",
    )
});

/// KEYS: meta, fences. ARGV: the epoch, the channel, the slots. Returns the clock; nothing in
/// another epoch.
pub(super) static PURGE: LazyLock<Script> = LazyLock::new(|| {
    Script::from_lua(
        r"
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] or redis.call('STRLEN', KEYS[2]) ~= 1048576 then
    return
end
local now = redis.call('HINCRBY', KEYS[1], 'clock', 1)
local fence = struct.pack('>I8', now)
for index = 3, #ARGV do
    redis.call('SETRANGE', KEYS[2], tonumber(ARGV[index]) * 8, fence)
end
redis.call('PUBLISH', ARGV[2], 'purge ' .. ARGV[1] .. ' ' .. now .. ' ' .. table.concat(ARGV, ' ', 3))
return now
",
    )
});
