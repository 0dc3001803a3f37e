//! What Redis does at once, in Lua.

/// KEYS: the group's hash, its stream, its set. ARGV: its channel, text, key, a new epoch, how many messages
/// are kept, for how many milliseconds, and how much longer it is remembered where the group is.
/// Returns the epoch and the offset.
///
/// Offsets have no gaps, and the first ones are forgotten first: so the length of the stream says
/// which are there.
///
/// What another run of the server has kept is not gone on with: one that crashed may have come back
/// with what it had some time before.
pub(super) const PUBLISH: &str = r"
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local known = redis.call('HMGET', KEYS[1], 'epoch', 'run')
local epoch = known[1]
if not epoch or known[2] ~= run then
    epoch = ARGV[4]
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'began', now, 'run', run)
end
if ARGV[3] ~= '' then
    local there = redis.call('ZSCORE', KEYS[3], ARGV[3])
    local last = tonumber(redis.call('HGET', KEYS[1], 'offset') or 0)
    if there and tonumber(there) > last - redis.call('XLEN', KEYS[2]) then
        return { epoch, there }
    end
end
local offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
local latest = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'latest') or 0))
redis.call('HSET', KEYS[1], 'latest', latest)
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[5], latest .. '-' .. offset,
    'offset', offset, 'text', ARGV[2])
redis.call('XTRIM', KEYS[2], 'MINID', now - ARGV[6])
if ARGV[3] ~= '' then
    redis.call('ZADD', KEYS[3], offset, ARGV[3])
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', offset - redis.call('XLEN', KEYS[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[6] + ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
redis.call('PUBLISH', ARGV[1], epoch .. ' ' .. offset .. ' ' .. ARGV[2])
return { epoch, tostring(offset) }
";

/// KEYS: the group's hash, its stream. ARGV: for how many milliseconds messages are kept, and the
/// offset after which they are wanted; nothing where none are. Returns the time, when Redis was
/// started, the epoch, when it began, the last offset, and the messages with their offsets.
pub(super) const PAST: &str = r"
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local server = redis.call('INFO', 'server')
local up = string.match(server, 'uptime_in_seconds:(%d+)')
local known = redis.call('HMGET', KEYS[1], 'epoch', 'began', 'offset', 'run')
if known[4] ~= string.match(server, 'run_id:(%x+)') then
    return { tostring(now), tostring(now - up * 1000), '', '0', '0' }
end
local past = { tostring(now), tostring(now - up * 1000), known[1] or '', known[2] or '0', known[3] or '0' }
local wanted = ARGV[2] ~= '' and tonumber(past[5]) - tonumber(ARGV[2]) or 0
if wanted > 0 then
    local entries = redis.call('XREVRANGE', KEYS[2], '+', now - ARGV[1], 'COUNT', wanted)
    for index = #entries, 1, -1 do
        past[#past + 1] = entries[index][2][2]
        past[#past + 1] = entries[index][2][4]
    end
end
return past
";

/// KEYS: the group's hash, its stream, its set. ARGV: a key. Returns whether a message has it.
pub(super) const HAS: &str = r"
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local known = redis.call('HMGET', KEYS[1], 'offset', 'run')
local there = redis.call('ZSCORE', KEYS[3], ARGV[1])
if there and known[2] == run and tonumber(there) > tonumber(known[1]) - redis.call('XLEN', KEYS[2]) then
    return 1
end
return 0
";
