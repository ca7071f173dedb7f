#!/usr/bin/env escript
%% Idle processes and one-way messages to random ones. The schedulers do not spin, so that processor time is work.
%%! +S 2:2 +P 1000000 +sbwt none +sbwtdcpu none +sbwtdio none
-mode(compile).

main([AgentsText, MessagesText]) ->
    Agents = list_to_integer(AgentsText),
    Messages = list_to_integer(MessagesText),
    Handled = counters:new(1, [atomics]),
    Before = resident(),
    statistics(runtime),
    Processes = list_to_tuple([spawn(fun() -> loop(Handled) end) || _ <- lists:seq(1, Agents)]),
    timer:sleep(500),
    {_, Born} = statistics(runtime),
    io:format("agents ~B~n", [Agents]),
    io:format("bytes_per_agent ~.1f~n", [(resident() - Before) / Agents]),
    io:format("spawn_per_cpu_s ~.1f~n", [Agents * 1000 / max(1, Born)]),
    statistics(runtime),
    tell(Processes, Agents, Messages, rand:seed(exsplus, {1, 2, 3})),
    settle(Handled, Messages),
    {_, Told} = statistics(runtime),
    io:format("events_per_cpu_s ~.1f~n", [Messages * 1000 / max(1, Told)]).

loop(Handled) ->
    receive
        Value -> counters:add(Handled, 1, Value), loop(Handled)
    end.

tell(_, _, 0, _) -> ok;
tell(Processes, Agents, Left, Seed) ->
    {At, Next} = rand:uniform_s(Agents, Seed),
    element(At, Processes) ! 1,
    tell(Processes, Agents, Left - 1, Next).

settle(Handled, Messages) ->
    case counters:get(Handled, 1) of
        Messages -> ok;
        _ -> timer:sleep(1), settle(Handled, Messages)
    end.

resident() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.
