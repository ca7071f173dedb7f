#!/usr/bin/env escript
%%! -noshell +S 1:1
%% Plays scripts on OTP's own supervisor and writes down what happened: one line of JSON a script.
%% Usage: escript player.escript SCRIPTS, a file of Erlang terms, each a script in the language of `script.rs`.
%%
%% One process, the diary, monitors everybody and is told of every start before it counts. With a single scheduler a
%% death is in its mailbox before whoever acts on that death can run, so its order is the order of what happened.

-mode(compile).
-export([main/1, init/1, start_worker/2, start_supervisor/2, start_dynamic/3, log/2]).

main([File]) ->
    logger:remove_handler(default),
    logger:set_primary_config(level, error),
    logger:add_handler(giving_up, ?MODULE, #{}),
    {ok, Scripts} = file:consult(File),
    process_flag(trap_exit, true),
    ets:new(world, [named_table, public]),
    [io:put_chars([json(play(Script)), $\n]) || Script <- Scripts].

%% A supervisor that gives up says so in its own process before it goes.
log(#{msg := {report, #{report := Report}}}, _) ->
    case lists:keyfind(reason, 1, Report) of
        {reason, reached_max_restart_intensity} -> ets:insert(world, {{gave_up, self()}, true});
        _ -> ok
    end;
log(_, _) -> ok.

%% --- scripts

play(Script = #{<<"id">> := Id, <<"tree">> := Tree, <<"steps">> := Steps}) ->
    ets:delete_all_objects(world),
    ets:insert(world, [{fails, 0}, {loop, maps:get(<<"loop">>, Script, false)}]),
    Diary = spawn_link(fun() -> diary([], []) end),
    ets:insert(world, {diary, Diary}),
    Root = case start_supervisor(<<"/">>, Tree) of {ok, Pid} -> Pid; _ -> none end,
    settle(quiet),
    Boot = written(#{r => case Root of none -> error; _ -> ok end}),
    Played = [Boot | [step(Step) || Step <- Steps]],
    Final = final(),
    case alive(<<"/">>) of
        none -> ok;
        Left -> exit(Left, kill), wait_down(Left), settle(orphans)
    end,
    receive {'EXIT', Root, _} -> ok after 0 -> ok end,
    unlink(Diary),
    exit(Diary, kill),
    receive {'EXIT', Diary, _} -> ok after 0 -> ok end,
    #{id => Id, trace => #{steps => Played, final => Final}}.

step(Step) ->
    R = act(Step),
    Settle = maps:get(<<"settle">>, Step, <<"quiet">>),
    settle(binary_to_atom(Settle)),
    case Settle of
        <<"quiet">> -> written(#{r => R});
        _ -> #{r => R}
    end.

written(Step) ->
    {Events, Async} = tell(take),
    Filled = case Events of [] -> Step; _ -> Step#{ev => Events} end,
    case Async of [] -> Filled; _ -> Filled#{async => Async} end.

act(#{<<"op">> := <<"set">>, <<"id">> := Id} = Step) ->
    ets:insert(world, {{plan, Id}, maps:get(<<"starts">>, Step, []), maps:get(<<"then">>, Step, <<"ok">>)}),
    ok;
act(#{<<"op">> := <<"exit">>, <<"id">> := Id, <<"reason">> := Reason}) ->
    case alive(Id) of
        none -> not_alive;
        Pid -> make_exit(Pid, Reason), ok
    end;
act(#{<<"op">> := <<"batch">>, <<"sup">> := Path, <<"do">> := Ops}) ->
    case alive(Path) of
        none -> not_alive;
        Sup ->
            sys:suspend(Sup),
            Results = [act(Op) || Op <- Ops],
            sys:resume(Sup),
            Results
    end;
act(#{<<"op">> := <<"stop">>} = Step) ->
    act(#{<<"op">> => <<"exit">>, <<"id">> => <<"/">>, <<"reason">> => maps:get(<<"reason">>, Step, <<"shutdown">>)});
act(#{<<"op">> := <<"sleep">>, <<"ms">> := Ms}) ->
    timer:sleep(Ms),
    ok;
act(#{<<"op">> := Op, <<"sup">> := Path} = Step) ->
    case alive(Path) of
        none -> noproc;
        Sup ->
            try ask(Op, Sup, Path, Step)
            catch exit:_ -> noproc
            end
    end.

ask(<<"which_children">>, Sup, _, _) ->
    [[case Id of undefined -> label(Pid); _ -> Id end,
      case Pid of undefined -> null; restarting -> restarting; _ -> generation(Pid) end,
      Type] || {Id, Pid, Type, _} <- supervisor:which_children(Sup)];
ask(<<"count_children">>, Sup, _, _) ->
    counts(Sup);
ask(<<"start_child">>, Sup, Path, #{<<"child">> := Child}) ->
    answer(supervisor:start_child(Sup, spec(Path, Child)));
ask(<<"start_child">>, Sup, _, #{<<"label">> := Label}) ->
    answer(supervisor:start_child(Sup, [Label]));
ask(Op, Sup, Path, #{<<"label">> := Label}) ->
    case ets:lookup(world, {pid, join(Path, Label)}) of
        [{_, Pid}] -> answer(apply(supervisor, binary_to_atom(Op), [Sup, Pid]));
        [] -> [error, not_found]
    end;
ask(Op, Sup, _, #{<<"id">> := Id}) ->
    answer(apply(supervisor, binary_to_atom(Op), [Sup, Id])).

answer(ok) -> ok;
answer({ok, undefined}) -> [ok, null];
answer({ok, Pid}) -> [ok, generation(Pid)];
answer({error, {already_started, _}}) -> [error, already_started];
answer({error, Word}) when is_atom(Word), Word =/= refused -> [error, Word];
answer({error, _}) -> [error, failed].

counts(Sup) ->
    Counts = supervisor:count_children(Sup),
    [proplists:get_value(Key, Counts) || Key <- [specs, active, supervisors, workers]].

make_exit(Pid, Reason) ->
    ets:insert(world, {{by, Pid}, script}),
    case Reason of
        <<"kill">> -> exit(Pid, kill);
        _ ->
            case ets:lookup(world, {what, Pid}) of
                [{_, _, _, supervisor}] -> catch sys:terminate(Pid, reason(Reason));
                _ -> Pid ! {exit_now, reason(Reason)}
            end
    end,
    wait_down(Pid).

wait_down(Pid) ->
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, _, _, _} -> ok end,
    tell(sync).

reason(<<"normal">>) -> normal;
reason(<<"shutdown">>) -> shutdown;
reason(<<"shutdown:", Rest/binary>>) -> {shutdown, Rest};
reason(Other) -> binary_to_atom(Other).

%% --- waiting

settle(none) -> ok;
settle(loop) ->
    [{fails, Before}] = ets:lookup(world, fails),
    failed(Before + 10);
settle(orphans) ->
    case [Pid || [Pid] <- ets:match(world, {{what, '$1'}, '_', '_', '_'}), is_process_alive(Pid)] of
        [] -> tell(sync);
        _ -> erlang:yield(), settle(orphans)
    end;
settle(quiet) ->
    Before = tell(sync),
    case calm(<<"/">>) andalso settled(orphans_of_the_dead()) of
        true ->
            case tell(sync) of
                Before -> ok;
                _ -> settle(quiet)
            end;
        false -> erlang:yield(), settle(quiet)
    end.

failed(Target) ->
    case ets:lookup(world, fails) of
        [{fails, Count}] when Count >= Target -> ok;
        _ -> erlang:yield(), failed(Target)
    end.

%% Those whose supervisor is dead are on their way out.
orphans_of_the_dead() ->
    [Pid || [Pid, Path] <- ets:match(world, {{what, '$1'}, '$2', '_', '_'}),
            is_process_alive(Pid), ancestor_is_dead(Pid), Path =/= <<"/">>].

settled([]) -> true;
settled(_) -> false.

calm(Path) ->
    case alive(Path) of
        none -> true;
        Sup ->
            try supervisor:which_children(Sup) of
                Children -> lists:all(fun({_, Pid, Type, _}) -> calm_child(Pid, Type) end, Children)
            catch exit:_ -> false
            end
    end.

calm_child(restarting, _) -> false;
calm_child(undefined, _) -> true;
calm_child(Pid, Type) ->
    is_process_alive(Pid) andalso (Type =:= worker orelse calm(path(Pid))).

%% --- what is where

alive(Path) ->
    case ets:lookup(world, {pid, Path}) of
        [{_, Pid}] -> case is_process_alive(Pid) of true -> Pid; false -> none end;
        [] -> none
    end.

path(Pid) ->
    [{_, Path, _, _}] = ets:lookup(world, {what, Pid}),
    Path.

generation(Pid) ->
    case ets:lookup(world, {n, Pid}) of [{_, N}] -> N; [] -> null end.

label(Pid) when is_pid(Pid) -> path(Pid);
label(_) -> null.

ancestor_is_dead(Pid) ->
    case ets:lookup(world, {what, Pid}) of
        [{_, _, Parent, _}] -> not is_process_alive(Parent) orelse ancestor_is_dead(Parent);
        [] -> false
    end.

%% Nobody waits for those below a supervisor that was killed.
ancestor_was_killed(Pid) ->
    case ets:lookup(world, {what, Pid}) of
        [{_, _, Parent, _}] -> ets:member(world, {killed, Parent}) orelse ancestor_was_killed(Parent);
        [] -> false
    end.

join(<<"/">>, Id) -> Id;
join(Path, Id) -> <<Path/binary, "/", Id/binary>>.

final() ->
    Alive = lists:sort([[Path, generation(Pid)] || [Path, Pid] <- ets:match(world, {{pid, '$1'}, '$2'}), is_process_alive(Pid)]),
    Counts = [{Path, counts(Pid)} || [Path, Pid] <- ets:match(world, {{pid, '$1'}, '$2'}),
              is_process_alive(Pid), element(4, hd(ets:lookup(world, {what, Pid}))) =:= supervisor],
    #{alive => Alive, counts => maps:from_list(Counts)}.

%% --- children

init({Path, Tree, Parent}) ->
    arrives(Path, Parent, supervisor),
    note(['begin', Path]),
    Flags = #{strategy => word(<<"strategy">>, Tree, one_for_one),
              intensity => maps:get(<<"intensity">>, Tree, 1),
              period => maps:get(<<"period_s">>, Tree, 5),
              auto_shutdown => word(<<"auto_shutdown">>, Tree, never)},
    {ok, {Flags, [case Flags of
                      #{strategy := simple_one_for_one} -> template(Path, Child);
                      _ -> spec(Path, Child)
                  end || Child <- maps:get(<<"children">>, Tree, [])]}}.

spec(Path, #{<<"id">> := Id} = Child) ->
    Start = case Child of #{<<"strategy">> := _} -> start_supervisor; _ -> start_worker end,
    (promises(Child))#{id => Id, start => {?MODULE, Start, [join(Path, Id), Child]}}.

template(Path, #{<<"id">> := Id} = Child) ->
    (promises(Child))#{id => Id, start => {?MODULE, start_dynamic, [Path, Child]}}.

promises(Child) ->
    Usual = case Child of
        #{<<"strategy">> := _} -> #{type => supervisor, shutdown => infinity};
        _ -> #{type => worker, shutdown => 5000}
    end,
    Shutdown = case Child of
        #{<<"shutdown">> := Ms} when is_integer(Ms) -> #{shutdown => Ms};
        #{<<"shutdown">> := Word} -> #{shutdown => binary_to_atom(Word)};
        _ -> #{}
    end,
    maps:merge(Usual#{restart => word(<<"restart">>, Child, permanent),
                      significant => maps:get(<<"significant">>, Child, false)}, Shutdown).

word(Key, Map, Usual) ->
    case Map of #{Key := Word} -> binary_to_atom(Word); _ -> Usual end.

start_dynamic(Path, Child, Label) ->
    case Child of
        #{<<"strategy">> := _} -> start_supervisor(join(Path, Label), Child);
        _ -> start_worker(join(Path, Label), Child)
    end.

start_supervisor(Path, Tree) ->
    case next_start(Path) of
        ok ->
            case supervisor:start_link(?MODULE, {Path, Tree, self()}) of
                {ok, Pid} -> runs(Path, Pid), {ok, Pid};
                Error -> fails(Path), Error
            end;
        Other -> Other
    end.

start_worker(Path, Child) ->
    case next_start(Path) of
        ok ->
            Parent = self(),
            Manner = maps:get(<<"on_shutdown">>, Child, none),
            Pid = spawn_link(fun() ->
                process_flag(trap_exit, Manner =/= none),
                arrives(Path, Parent, worker),
                Parent ! {up, self()},
                worker(Parent, Manner)
            end),
            receive {up, Pid} -> ok end,
            runs(Path, Pid),
            {ok, Pid};
        Other -> Other
    end.

next_start(Path) ->
    How = case ets:lookup(world, {plan, Path}) of
        [] -> <<"ok">>;
        [{_, [], Then}] -> Then;
        [{Key, [First | Rest], Then}] -> ets:insert(world, {Key, Rest, Then}), First
    end,
    case How of
        <<"ok">> -> ok;
        <<"ignore">> -> note([ignore, Path]), ignore;
        <<"fail">> -> fails(Path), {error, refused}
    end.

fails(Path) ->
    ets:update_counter(world, fails, 1),
    case ets:lookup(world, loop) of
        [{loop, true}] -> ok;
        _ -> note([fail, Path])
    end.

arrives(Path, Parent, Type) ->
    ets:insert(world, {{what, self()}, Path, Parent, Type}),
    tell({watch, self()}).

runs(Path, Pid) ->
    N = ets:update_counter(world, {count, Path}, 1, {{count, Path}, 0}),
    ets:insert(world, [{{n, Pid}, N}, {{pid, Path}, Pid}]),
    note([start, Path, N]).

worker(Parent, Manner) ->
    receive
        {exit_now, Reason} -> exit(Reason);
        %% One that does not go with its killed supervisor would run for ever beside its successor.
        {'EXIT', Parent, killed} ->
            case Manner of
                #{<<"delay_ms">> := Ms} -> timer:sleep(Ms), exit(killed);
                _ -> exit(killed)
            end;
        {'EXIT', Parent, Reason} ->
            ets:insert(world, {{asked, self()}, true}),
            case Manner of
                <<"trap">> -> exit(Reason);
                <<"ignore">> -> worker(none, Manner);
                #{<<"exit">> := With} -> exit(reason(With));
                #{<<"delay_ms">> := Ms} -> timer:sleep(Ms), exit(Reason)
            end
    end.

%% --- the diary

note(Event) -> tell({note, Event}).

tell(What) ->
    [{diary, Diary}] = ets:lookup(world, diary),
    Ref = make_ref(),
    Diary ! {self(), Ref, What},
    receive {Ref, Answer} -> Answer end.

diary(Events, Async) ->
    receive
        {From, Ref, What} ->
            {Answer, Events1, Async1} = case What of
                {note, Event} -> {ok, [Event | Events], Async};
                {watch, Pid} -> monitor(process, Pid), {ok, Events, Async};
                sync -> {{length(Events), length(Async)}, Events, Async};
                take -> {{lists:reverse(Events), lists:sort(Async)}, [], []}
            end,
            From ! {Ref, Answer},
            diary(Events1, Async1);
        {'DOWN', _, _, Pid, Reason} ->
            case generation(Pid) of
                null -> diary(Events, Async); % a supervisor whose start failed
                N ->
                    {By, Late} = by(Pid),
                    [ets:insert(world, {{killed, Pid}, true}) || Reason =:= killed],
                    Asked = [asked || ets:member(world, {asked, Pid}), not Late],
                    Event = [stop, path(Pid), N, shown(Reason), By | Asked],
                    case Late of
                        true -> diary(Events, [Event | Async]);
                        false -> diary([Event | Events], Async)
                    end
            end
    end.

by(Pid) ->
    case {ets:member(world, {by, Pid}), ancestor_was_killed(Pid), ets:member(world, {gave_up, Pid})} of
        {true, _, _} -> {script, false};
        {_, true, _} -> {link, true};
        {_, _, true} -> {intensity, false};
        _ -> {sup, false}
    end.

shown({shutdown, Text}) when is_binary(Text) -> <<"shutdown:", Text/binary>>;
shown(Word) when is_atom(Word) -> Word;
shown(_) -> other.

%% --- JSON

json(Map) when is_map(Map) ->
    Pairs = [[json(Key), $:, json(Value)] || {Key, Value} <- lists:sort(maps:to_list(Map))],
    [${, lists:join($,, Pairs), $}];
json(List) when is_list(List) -> [$[, lists:join($,, [json(Item) || Item <- List]), $]];
json(Text) when is_binary(Text) -> [$", Text, $"];
json(Number) when is_integer(Number) -> integer_to_binary(Number);
json(Word) when Word =:= null; Word =:= true; Word =:= false -> atom_to_binary(Word);
json(Word) -> [$", atom_to_binary(Word), $"].
