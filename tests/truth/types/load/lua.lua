-- SPDX-License-Identifier: MIT
-- The load of lua: tables, closures, coroutines, strings and compiled functions.
local records = {}
for i = 1, 20000 do
	records[i] = { name = "item" .. i, value = i * 1.5, tags = { "a", "b" .. (i % 100), i } }
end
local objects = {}
for i = 1, 5000 do
	local n = i
	objects[i] = setmetatable({ get = function() n = n + 1; return n + #records end },
		{ __index = records[i] })
end
local coroutines = {}
for i = 1, 300 do
	coroutines[i] = coroutine.create(function(a) local x = { a }; coroutine.yield(x) end)
	coroutine.resume(coroutines[i], i)
end
local long = {}
for i = 1, 500 do
	long[i] = string.rep("long string " .. i, 20)
end
local compiled = {}
for i = 1, 300 do
	compiled[i] = load("local a = ... ; return function(b) return a + b + " .. i .. " end")(i)
end
KEPT = { records, objects, coroutines, long, compiled }
io.stdout:write("ready\n")
io.stdout:flush()
io.read("l")
