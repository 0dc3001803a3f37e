-- What wrk sends, and how it tells `cargo xtask bench` what it measured.
--
-- The first argument: a text to POST as JSON, or nothing for a GET, as a browser asks for a page.
-- The second: a cookie, or nothing.

function init(arguments)
  local body, cookie = arguments[1], arguments[2]
  if cookie ~= "" then
    wrk.headers["Cookie"] = cookie
  end
  if body ~= "" then
    wrk.method = "POST"
    wrk.body = body
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Accept"] = "application/json"
  else
    wrk.headers["Accept"] = "text/html"
  end
end

-- One line: answers, microseconds, failures, and the median and the 99th percentile of the
-- latency in microseconds.
function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format(
    "measured %d %d %d %d %d",
    summary.requests, summary.duration, failures, latency:percentile(50), latency:percentile(99)
  ))
end
