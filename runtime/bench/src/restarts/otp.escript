#!/usr/bin/env escript
%% OTP's own supervisor in the cases of cases.json. Usage: escript otp.escript.
%% Prints a line a case: its id, `seen` and what was to be seen, or `not_offered` and why; first the version.

-mode(compile).
-export([main/1, init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2, start/1]).

-define(QUIET, 500).

main([]) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    ets:new(world, [named_table, public]),
    ets:insert(world, {diary, self()}),
    io:format("version\t~s~n", [erlang:system_info(otp_release)]),
    Cases = [
        {"group_order", fun group_order/0},
        {"window", fun window/0},
        {"escalation", fun escalation/0},
        {"kill_is_abnormal", fun kill_is_abnormal/0},
        {"mailbox_kept", fun mailbox_kept/0},
        {"no_stale_timer", fun no_stale_timer/0},
        {"links", fun links/0},
        {"failed_restart", fun failed_restart/0},
        {"orphan", fun orphan/0},
        {"significant_child", fun significant_child/0},
        {"hung_child", fun hung_child/0}
    ],
    [io:format("~s\tseen\t~s~n", [Id, lists:join(" ", Play())]) || {Id, Play} <- Cases],
    io:format("backoff_reset\tnot_offered\ta restart is made at once; there are no waits~n").

group_order() ->
    Sup = sup(#{strategy => one_for_all}, [trapping(Id) || Id <- ["a", "b", "c", "d", "e"]]),
    child(Sup, "c") ! fail,
    leave(Sup, lines()).

window() ->
    Sup = sup(#{intensity => 2, period => 1}, [plain("w")]),
    Ref = monitor(process, Sup),
    First = [fails(Sup) || _ <- [1, 2]],
    timer:sleep(2500),
    Second = [fails(Sup) || _ <- [1, 2, 3]],
    Gone = receive {'DOWN', Ref, _, _, _} -> ["gone"] after 2000 -> [] end,
    lists:append(First ++ Second) ++ Gone.

%% Fails once and waits for what comes of it.
fails(Sup) ->
    case catch child(Sup, "w") of
        Pid when is_pid(Pid) ->
            Pid ! fail,
            receive {line, Line} -> [Line] after ?QUIET -> [] end;
        _ ->
            []
    end.

escalation() ->
    Sub = #{id => "sub", type => supervisor, shutdown => infinity,
            start => {?MODULE, start, [{sup, #{intensity => 0, period => 60}, [trapping("w"), trapping("v")]}]}},
    Root = sup(#{intensity => 5, period => 60}, [Sub]),
    child(child(Root, "sub"), "w") ! fail,
    leave(Root, lines()).

kill_is_abnormal() ->
    Sup = sup(#{}, [(plain("w"))#{restart => transient}]),
    exit(child(Sup, "w"), kill),
    leave(Sup, lines()).

mailbox_kept() ->
    Sup = sup(#{}, [plain("w")]),
    W = child(Sup, "w"),
    erlang:suspend_process(W),
    [W ! Order || Order <- [fail, {say, "1"}, {say, "2"}, {say, "3"}]],
    erlang:resume_process(W),
    leave(Sup, lines()).

no_stale_timer() ->
    Sup = sup(#{intensity => 1000000000, period => 1}, [plain("w")]),
    ets:insert(world, {refuses, true}),
    child(Sup, "w") ! fail,
    timer:sleep(100),
    ok = supervisor:terminate_child(Sup, "w"),
    ets:insert(world, {refuses, false}),
    timer:sleep(1000),
    leave(Sup, case lines() of [] -> ["stays down"]; Lines -> Lines end).

links() ->
    One = sup(#{}, [plain("x")]),
    Two = sup(#{}, [plain("y"), plain("z")]),
    X = child(One, "x"),
    ok = gen_server:call(X, {link, child(Two, "y")}),
    X ! fail,
    Lines = lists:sort(lines()),
    leave(Two, leave(One, Lines)).

failed_restart() ->
    Sup = sup(#{intensity => 5, period => 60}, [plain("w")]),
    ets:insert(world, {fails, 2}),
    child(Sup, "w") ! fail,
    leave(Sup, lines()).

orphan() ->
    Sub = #{id => "sub", type => supervisor, shutdown => infinity,
            start => {?MODULE, start, [{sup, #{}, [plain("w")]}]}},
    Root = sup(#{}, [Sub]),
    exit(child(Root, "sub"), kill),
    Started = length([Line || [$+ | _] = Line <- lines()]),
    leave(Root, with_alive(io_lib:format("~b started", [Started]))).

significant_child() ->
    Sup = sup(#{auto_shutdown => any_significant},
              [trapping("v"), (plain("s"))#{restart => transient, significant => true}]),
    Ref = monitor(process, Sup),
    child(Sup, "s") ! leave,
    Gone = receive {'DOWN', Ref, _, _, _} -> ["gone"] after 2000 -> [] end,
    lines() ++ Gone.

hung_child() ->
    Sup = sup(#{}, [(trapping("w"))#{shutdown => 300}]),
    child(Sup, "w") ! hang,
    timer:sleep(50),
    Ref = monitor(process, Sup),
    exit(Sup, shutdown),
    Stopped = receive {'DOWN', Ref, _, _, _} -> "stopped" after 3000 -> "still stopping" end,
    with_alive(Stopped).

with_alive(Seen) ->
    Pids = [Pid || {{pid, Pid}} <- ets:tab2list(world)],
    Alive = length([Pid || Pid <- Pids, is_process_alive(Pid)]),
    [io_lib:format("~s, ~b alive", [Seen, Alive])].

%% A supervisor whose start is not part of the answer.
sup(Flags, Specs) ->
    ets:match_delete(world, {{pid, '_'}}),
    ets:insert(world, [{refuses, false}, {fails, 0}]),
    {ok, Sup} = start({sup, Flags, Specs}),
    lines(0),
    Sup.

trapping(Id) -> #{id => Id, start => {?MODULE, start, [{child, Id, true}]}}.
plain(Id) -> #{id => Id, start => {?MODULE, start, [{child, Id, false}]}}.

child(Sup, Id) ->
    {_, Pid, _, _} = lists:keyfind(Id, 1, supervisor:which_children(Sup)),
    Pid.

%% What is written until it stays quiet.
lines() -> lines(?QUIET).
lines(Quiet) -> receive {line, Line} -> [Line | lines(Quiet)] after Quiet -> [] end.

leave(Sup, Lines) ->
    Ref = monitor(process, Sup),
    exit(Sup, shutdown),
    receive {'DOWN', Ref, _, _, _} -> ok end,
    lines(0),
    Lines.

write(Line) -> ets:lookup_element(world, diary, 2) ! {line, Line}.

start({sup, _, _} = What) -> supervisor:start_link(?MODULE, What);
start(What) -> gen_server:start_link(?MODULE, What, []).

init({sup, Flags, Specs}) -> {ok, {Flags, Specs}};
init({child, Id, Traps}) ->
    process_flag(trap_exit, Traps),
    case {ets:lookup_element(world, refuses, 2), ets:update_counter(world, fails, -1)} of
        {true, _} -> {stop, refuses};
        {_, Left} when Left >= 0 -> write("!" ++ Id), {stop, fails};
        _ -> ets:insert(world, {{pid, self()}}), write("+" ++ Id), {ok, Id}
    end.

handle_call({link, Other}, _, Id) -> link(Other), {reply, ok, Id}.
handle_cast(_, Id) -> {noreply, Id}.
handle_info(fail, Id) -> {stop, boom, Id};
handle_info(leave, Id) -> {stop, normal, Id};
handle_info(hang, Id) -> receive never -> {noreply, Id} end;
handle_info({say, Word}, Id) -> write(Word), {noreply, Id};
handle_info(_, Id) -> {noreply, Id}.

terminate(shutdown, Id) -> write("-" ++ Id);
terminate(_, _) -> ok.
