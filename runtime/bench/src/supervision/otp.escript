#!/usr/bin/env escript
%%! +S 1:1 +sbwt none
%% OTP's own supervisor, measured the way ours is. Usage: escript otp.escript CHILDREN GROUP RESTARTS.
%% Prints one line a figure: a name and its values in microseconds. Long stretches are told in processor time, which a busy
%% machine does not falsify; one scheduler that never spins makes it the time an idle machine would take.

-mode(compile).
-export([main/1, init/1, handle_call/3, handle_cast/2, handle_info/2, start/1]).

main(Args) ->
    [Children, Group, Restarts] = [list_to_integer(Arg) || Arg <- Args],
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    restarts(Restarts),
    group(Group),
    dynamic(Children).

restarts(Count) ->
    {ok, Sup} = supervisor:start_link(?MODULE, {one_for_one, [{herald, {herald, self()}}]}),
    First = receive {up, Pid} -> Pid end,
    io:format("restart_us~s~n", [loop(Count, First, [])]),
    leave(Sup).

loop(0, _, Times) -> [io_lib:format(" ~.3f", [T]) || T <- Times];
loop(Count, Child, Times) ->
    Before = erlang:monotonic_time(nanosecond),
    Child ! crash,
    Next = receive {up, Pid} -> Pid end,
    Took = erlang:monotonic_time(nanosecond) - Before,
    loop(Count - 1, Next, [Took / 1000 | Times]).

group(Count) ->
    Ids = lists:seq(1, Count - 1),
    Specs = [{Id, idle} || Id <- Ids] ++ [{last, {herald, self()}}],
    {ok, Sup} = supervisor:start_link(?MODULE, {one_for_all, Specs}),
    receive {up, _} -> ok end,
    Before = cpu_us(),
    [fell(Sup, Count div 2) || _ <- lists:seq(1, 20)],
    io:format("one_for_all_us ~.3f~n", [(cpu_us() - Before) / 20]),
    leave(Sup).

fell(Sup, Id) ->
    {_, Victim, _, _} = lists:keyfind(Id, 1, supervisor:which_children(Sup)),
    exit(Victim, kill),
    receive {up, _} -> ok end.

dynamic(Count) ->
    {ok, Sup} = supervisor:start_link(?MODULE, {simple_one_for_one, [{child, idle}]}),
    Start = cpu_us(),
    [{ok, _} = supervisor:start_child(Sup, []) || _ <- lists:seq(1, Count)],
    Stop = cpu_us(),
    io:format("start_us_per_child ~.3f~n", [(Stop - Start) / Count]),
    Before = cpu_us(),
    leave(Sup),
    io:format("stop_us_per_child ~.3f~n", [(cpu_us() - Before) / Count]).

cpu_us() ->
    {Total, _} = erlang:statistics(runtime),
    Total * 1000.

leave(Sup) ->
    Ref = monitor(process, Sup),
    exit(Sup, shutdown),
    receive {'DOWN', Ref, _, _, _} -> ok end.

start(What) -> gen_server:start_link(?MODULE, {child, What}, []).

init({child, idle}) -> {ok, idle};
init({child, {herald, Driver}}) -> Driver ! {up, self()}, {ok, herald};
init({Strategy, Specs}) ->
    Flags = #{strategy => Strategy, intensity => 1000000000, period => 1},
    {ok, {Flags, [#{id => Id, start => {?MODULE, start, [What]}} || {Id, What} <- Specs]}}.

handle_call(_, _, State) -> {reply, ok, State}.
handle_cast(_, State) -> {noreply, State}.
handle_info(crash, State) -> {stop, boom, State};
handle_info(_, State) -> {noreply, State}.
