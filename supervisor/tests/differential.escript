#!/usr/bin/env escript
%%! -noshell
%% Plays scripts on OTP's own supervisor and writes down what happened, one line a step.
%% Usage: escript differential.escript SCRIPTS, a file of Erlang terms {Seed, Flags, Children, Ops}.

-mode(compile).
-export([main/1, init/1, start/1]).

main([File]) ->
    logger:set_primary_config(level, none),
    {ok, Scripts} = file:consult(File),
    process_flag(trap_exit, true),
    ets:new(world, [named_table, public]),
    [play(Script) || Script <- Scripts].

play({Seed, Flags, Children, Ops}) ->
    ets:delete_all_objects(world),
    ets:insert(world, {log, []}),
    {Strategy, Restarts, AutoShutdown} = Flags,
    SupFlags = #{strategy => Strategy, intensity => Restarts, period => 1000, auto_shutdown => AutoShutdown},
    Specs = [spec(Child) || Child <- Children],
    {ok, Sup} = supervisor:start_link(?MODULE, {SupFlags, Specs}),
    tell(Seed, boot, ok, Sup),
    case run(Seed, Sup, Ops) of
        dead -> ok;
        alive ->
            exit(Sup, shutdown),
            gone(Sup),
            io:format("~p|stop|~s~n", [Seed, string:join(log(), " ")])
    end,
    receive {'EXIT', Sup, _} -> ok after 5000 -> io:format("~p|no exit~n", [Seed]) end.

run(_, _, []) -> alive;
run(Seed, Sup, [Op | Ops]) ->
    Answer = act(Sup, Op),
    settle(Sup),
    tell(Seed, Op, Answer, Sup),
    case is_process_alive(Sup) of
        true -> run(Seed, Sup, Ops);
        false -> dead
    end.

act(Sup, {terminate, Id}) -> answer(catch supervisor:terminate_child(Sup, Id));
act(Sup, {delete, Id}) -> answer(catch supervisor:delete_child(Sup, Id));
act(Sup, {restart, Id}) -> answer(catch supervisor:restart_child(Sup, Id));
act(Sup, {start, Child}) -> answer(catch supervisor:start_child(Sup, spec(Child)));
act(_, {fail, Id, Fails}) -> ets:insert(world, {{fails, Id}, Fails}), ok;
act(Sup, {exit, Id, How}) ->
    case lists:keyfind(Id, 1, supervisor:which_children(Sup)) of
        {Id, Pid, _, _} when is_pid(Pid) ->
            Ref = monitor(process, Pid),
            case How of
                kill -> exit(Pid, kill);
                _ -> Pid ! How
            end,
            receive {'DOWN', Ref, _, _, _} -> ok end,
            forgotten(Sup, Pid),
            ok;
        _ -> none
    end.

%% The supervisor has taken notice of the exit.
forgotten(Sup, Pid) ->
    case catch supervisor:which_children(Sup) of
        {'EXIT', _} -> gone(Sup);
        Children ->
            case lists:keyfind(Pid, 2, Children) of
                false -> ok;
                _ -> erlang:yield(), forgotten(Sup, Pid)
            end
    end.

%% No restart is being tried again, and an automatic shutdown is over.
settle(Sup) ->
    case catch supervisor:which_children(Sup) of
        {'EXIT', _} -> gone(Sup);
        Children ->
            case lists:keyfind(restarting, 2, Children) of
                false -> ok;
                _ -> erlang:yield(), settle(Sup)
            end
    end.

gone(Sup) ->
    Ref = monitor(process, Sup),
    receive {'DOWN', Ref, _, _, _} -> ok end.

answer(ok) -> ok;
answer({ok, _}) -> ok;
answer({error, {already_started, _}}) -> already_started;
answer({error, Word}) when is_atom(Word), Word =/= refused -> Word;
answer({error, _}) -> start_failed;
answer({'EXIT', _}) -> stopping.

tell(Seed, Op, Answer, Sup) ->
    State = case catch supervisor:which_children(Sup) of
        {'EXIT', _} -> "dead";
        Children ->
            Shown = [atom_to_list(Id) ++ ":" ++ case is_pid(Pid) of true -> "up"; false -> "down" end
                     || {Id, Pid, _, _} <- Children],
            string:join(lists:sort(Shown), " ")
    end,
    io:format("~p|~w|~p|~s|~s~n", [Seed, Op, Answer, string:join(log(), " "), State]).

log() ->
    [{log, Lines}] = ets:lookup(world, log),
    ets:insert(world, {log, []}),
    lists:reverse(Lines).

note(Sign, Id) ->
    [{log, Lines}] = ets:lookup(world, log),
    ets:insert(world, {log, [Sign ++ atom_to_list(Id) | Lines]}).

spec({Id, Restart, Significant}) ->
    #{id => Id, start => {?MODULE, start, [Id]}, restart => Restart, significant => Significant, shutdown => 5000}.

init({SupFlags, Specs}) -> {ok, {SupFlags, Specs}}.

start(Id) ->
    case ets:lookup(world, {fails, Id}) of
        [{_, true}] -> {error, refused};
        _ ->
            Parent = self(),
            Pid = spawn_link(fun() ->
                process_flag(trap_exit, true),
                note("+", Id),
                Parent ! {up, self()},
                child(Id, Parent)
            end),
            receive {up, Pid} -> {ok, Pid} end
    end.

child(Id, Parent) ->
    receive
        normal -> exit(normal);
        shutdown -> exit(shutdown);
        crash -> exit(boom);
        {'EXIT', Parent, Reason} -> note("-", Id), exit(Reason)
    end.
