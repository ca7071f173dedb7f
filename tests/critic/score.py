#!/usr/bin/env python3
"""score.py BIN CASES.jsonl [--verbose] [--timeout S] [--per-line]

Runs `BIN judge --batch` over the labelled answers and scores the verdicts.
The lines given to the binary hold only id, goal, data_file and answer (no labels); the case folder's
data is copied into a temporary folder, which is the working directory.
Right: a bad answer is refused (status other than approved/unverified), a good or borderline one is passed
(approved). `unverified` is counted apart: it is no pass for the strict figures and no refusal either.
"""
import argparse, json, os, shutil, subprocess, sys, tempfile, time
from collections import Counter, defaultdict
ap=argparse.ArgumentParser(); ap.add_argument("bin"); ap.add_argument("cases"); ap.add_argument("--timeout",type=int,default=600)
ap.add_argument("--per-line",action="store_true",help="one call per case (to find a line that breaks the batch)"); ap.add_argument("--verbose",action="store_true"); ap.add_argument("--raw",help="write the verdict lines here")
a=ap.parse_args()
cases=[json.loads(l) for l in open(a.cases,encoding="utf-8") if l.strip()]
src=os.path.dirname(os.path.abspath(a.cases)); binp=os.path.abspath(a.bin)
tmp=tempfile.mkdtemp(prefix="judge.")
for d in ("data","docs"):
    if os.path.isdir(f"{src}/{d}"): shutil.copytree(f"{src}/{d}",f"{tmp}/{d}")
def call(cs):
    p=f"{tmp}/batch.jsonl"
    with open(p,"w",encoding="utf-8") as f:
        for c in cs: f.write(json.dumps({k:c[k] for k in("id","goal","data_file","answer")},ensure_ascii=False)+"\n")
    r=subprocess.run([binp,"judge","--batch","batch.jsonl","--json"],cwd=tmp,capture_output=True,timeout=a.timeout)
    return r.stdout.decode("utf-8","replace"),r.stderr.decode("utf-8","replace"),r.returncode
out={}; t0=time.time()
def take(txt):
    for l in txt.splitlines():
        l=l.strip()
        if not l.startswith("{"): continue
        try: v=json.loads(l)
        except ValueError: continue
        if "id" in v: out[str(v["id"])]=v
if a.per_line:
    for c in cases:
        o,e,rc=call([c]); take(o)
        if c["id"] not in out: print("no verdict",c["id"],rc,e.strip()[:200])
else:
    o,e,rc=call(cases); take(o)
    if len(out)<len(cases): print(f"rc={rc}: {len(out)} of {len(cases)} verdicts; stderr: {e.strip()[:500]}; stdout: {o[:300] if not out else ''}")
el=time.time()-t0
if a.raw: open(a.raw,"w").write("\n".join(json.dumps(v,ensure_ascii=False) for v in out.values()))
def kind(c): return "borderline" if c["label"]=="borderline" or (c["label"]=="good" and c["note"].startswith("borderline")) else c["label"]
def verdict(v):
    if v is None: return "none"
    s=str(v.get("status") or v.get("verdict") or "").lower().replace("_","-")
    if s.startswith("approved") or s=="pass" or s=="passed": return "approved"
    if s=="unverified": return "unverified"
    return "refused"
T=defaultdict(Counter); miss=[]
for c in cases:
    k=kind(c); v=verdict(out.get(c["id"])); T[k][v]+=1
    if (k=="bad" and v!="refused") or (k!="bad" and v!="approved"): miss.append((k,v,c))
n=lambda k,v:T[k][v]
tp=n("bad","refused"); fp=n("good","refused")+n("borderline","refused"); nb=sum(T["bad"].values())
print(f"{len(cases)} answers in {el:.1f} s ({1000*el/max(1,len(cases)):.1f} ms each)")
print(f"{'':11}approved unverified refused none")
for k in("good","borderline","bad"): print(f"{k:11}{n(k,'approved'):8}{n(k,'unverified'):11}{n(k,'refused'):8}{n(k,'none'):5}")
pc=lambda x,y:f"{100*x/y:.1f} %" if y else "-"
print("precision of refusal",pc(tp,tp+fp)," recall of refusal",pc(tp,nb),f" (recall where unverified counts as not passed: {pc(tp+n('bad','unverified'),nb)})")
g=sum(T['good'].values()); b=sum(T['borderline'].values())
print("good approved",pc(n('good','approved'),g),"(approved or unverified",pc(n('good','approved')+n('good','unverified'),g)+")","borderline approved",pc(n('borderline','approved'),b),"(or unverified",pc(n('borderline','approved')+n('borderline','unverified'),b)+")")
crit=[c["id"] for k,v,c in miss if k=="bad" and v=="approved" and c["severity"]=="critical"]
print("critical approved:",len(crit)," ".join(crit))
dd=defaultdict(Counter)
for c in cases:
    if c["label"]=="bad": dd[c["defect"]][verdict(out.get(c["id"]))]+=1
print("by defect (refused/unverified/approved):",", ".join(f"{d} {x['refused']}/{x['unverified']}/{x['approved']}" for d,x in sorted(dd.items())))
print("\nmisses:")
for k,v,c in miss:
    o=out.get(c["id"]) or {}
    print(f"{c['id']} {k} -> {v} score {o.get('score')} | {c['defect']}/{c['severity']}: {c['note']} | {c['data_file']}\n    goal: {c['goal']}\n    answer: {c['answer'][:2000 if a.verbose else 260]!r}")
    for i in (o.get("issues") or [])[: 20 if a.verbose else 3]:
        if isinstance(i,dict): i=" ".join(f"{q}={i[q]}" for q in i if i[q] not in (None,"",[]))
        print("      issue:",str(i)[:300])
shutil.rmtree(tmp,ignore_errors=True)
