#!/usr/bin/env python3
"""run.py BIN CASES_DIR [--only ID,..|CATEGORY|HALF] [--jobs 1] [--timeout 60] [--raw FILE] [--show N] [--arg X ...]

Runs `BIN run GOAL --data FILE.. --engine scripted --json` for each case of CASES_DIR/cases.jsonl in a temporary
folder of its own (the data copied into it) and compares the answer with the expectation.

right            approved or unverified, every expected figure and label there (`lead`: in the first two sentences)
rightly_refused  not_in_data / refuse: said so, or partial/failed, without a forbidden figure in the first sentence
wrong_approved   approved, and no expected figure or a forbidden one in the first sentence
wrong_unverified the same with status unverified;  wrong_partial  not in the data, yet a forbidden figure leads a partial answer
buried           approved, the answer stands in the first two sentences, but behind a forbidden figure
refused_though_answerable  partial or failed where the figures are there to be had
unpaired         all figures are there but not beside their labels;  unsaid: an ambiguity was decided without a word
wrong_language   right, but not in the language of the goal;  unsafe: script or control characters printed raw
error            time-out, crash, no answer
Numbers are read leniently (1,234.5 1.234,5 1 234,5 1'234.5 12,34,567 1.2K), rounded to the precision shown, percent or fraction.
"""
import argparse, json, os, re, shutil, subprocess, sys, tempfile, time, unicodedata
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
SP="\u00a0\u202f\u2009\u2007"
NUM=re.compile(r"(?<![\w.,])([-−–]\s?|\()?(?:[$€£¥₹]\s?)?(\d+(?:[.,'’"+SP+r" ]\d+)*)(\s?(?:K|M|B|k|Mio\.?|Mrd\.?|Tsd\.?|million|thousand|mille|mil|lakh|crore)\b)?(\s?%|\s?percent|\s?per cent|\s?Prozent)?")
MUL={"k":1e3,"m":1e6,"b":1e9,"mio":1e6,"mrd":1e9,"tsd":1e3,"million":1e6,"thousand":1e3,"mille":1e3,"mil":1e3,"lakh":1e5,"crore":1e7}
def readings(tok):
    """[(value, decimals)] a token may mean"""
    out=set(); t=tok
    for s in SP+"'’": t=t.replace(s," ")
    if " " in t:
        head,*rest=t.split(" ")
        if all(re.fullmatch(r"\d{3}([.,]\d+)?",x) if i==len(rest)-1 else re.fullmatch(r"\d{3}",x) for i,x in enumerate(rest)) and re.fullmatch(r"\d{1,3}",head):
            out|=readings("".join([head]+rest))
            if not re.search(r"[.,]",t): return out
            return out
        for x in t.split(" "): out|=readings(x)
        return out
    def add(s):
        try: out.add((float(s),len(s.split(".")[1]) if "." in s else 0))
        except ValueError: pass
    d,c=t.count("."),t.count(",")
    if d==0 and c==0: add(t)
    elif d and c:
        if t.rfind(".")>t.rfind(","): add(t.replace(",",""))
        else: add(t.replace(".","").replace(",","."))
    else:
        s="." if d else ","; parts=t.split(s)
        if len(parts)==2: add(parts[0]+"."+parts[1])
        if all(len(p)==3 for p in parts[1:]) and 1<=len(parts[0])<=3: add("".join(parts))
        elif len(parts)>2 and len(parts[-1])==3: add("".join(parts))
    return out
WORDS={w:i for i,w in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())}
WORDS.update({"null":0,"zwei":2,"drei":3,"vier":4,"fünf":5,"sechs":6,"sieben":7,"acht":8,"neun":9,"zehn":10,"elf":11,"zwölf":12,"deux":2,"trois":3,"quatre":4,"cinq":5,"sept":7,"huit":8,"neuf":9,"dix":10,"dos":2,"tres":3,"cuatro":4,"cinco":5,"seis":6,"siete":7,"ocho":8,"nueve":9,"diez":10})
def numbers(text):
    """[(pos, value, ulp)]"""
    t=re.sub(r"\d{4}-\d\d(-\d\d)?([T ]\d\d:\d\d(:\d\d)?Z?)?|\b\d\d?:\d\d(:\d\d)?\b|\b\d\d?[./]\d\d?[./]\d{2,4}\b|\S+\.(csv|tsv|json|jsonl|xlsx|txt)\b",lambda m:" "*len(m.group()),text)
    t=re.sub(r"(?m)^(\s*)(\d+)\.\s",lambda m:" "*len(m.group()),t)
    out=[]
    for m in NUM.finditer(t):
        neg=bool(m.group(1)) or bool(re.search(r"(minus|moins|menos|negative)\s+(of\s+)?$",t[:m.start()].lower()[-16:])); mul=MUL.get((m.group(3) or "").strip().rstrip(".").lower(),1)
        for v,dec in readings(m.group(2)):
            out.append((m.start(),(-v if neg else v)*mul,0.5*10**-dec*mul))
            if neg: out.append((m.start(),v*mul,0.5*10**-dec*mul))
    for m in re.finditer(r"[A-Za-zäöüß]+",t):
        if m.group().lower() in WORDS: out.append((m.start(),float(WORDS[m.group().lower()]),0.01))
    return out
def same(v,ulp,e,tol):
    if e<0 and v>0: return False
    a,b=abs(v),abs(e)           # a difference may be given without its sign
    d=abs(a-b)
    return d<=tol*1.01 or (d<=ulp*1.0001 and (b==0 or d/b<=0.025)) 
def find(nums,w):
    """first position where one of the accepted values stands"""
    p=[q for q,v,u in nums for e in w["any"] if same(v,u,e,w["tol"])]
    return min(p) if p else None
def clean(md):
    md=md.replace("\r","")
    md=re.sub(r"```.*?(```|\Z)","\n",md,flags=re.S); md=re.sub(r"!\[[^\]]*\]\([^)]*\)","",md); md=re.sub(r"\[([^\]]*)\]\([^)]*\)",r"\1",md)
    md=re.sub(r"\\([\\`*_{}\[\]()#+\-.!|<>&'\"~])",r"\1",md)
    for a,b in(("&lt;","<"),("&gt;",">"),("&amp;","&"),("&#39;","'"),("&quot;",'"')): md=md.replace(a,b)
    return re.sub(r"\*\*|__|`|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)","",md)
ABB=re.compile(r"\b(?:z\.B|d\.h|bzw|ca|no|nos|Nr|vs|approx|e\.g|i\.e|Mr|Ms|Mrs|St|Ltd|Co)\.$",re.I)
def sentences(md):
    out=[]
    for para in re.split(r"\n\s*\n|\n(?=\s*[-*•|#]|\s*\d+\.\s)",clean(md)):
        p=para.strip()
        if not p or p.startswith("#") or re.fullmatch(r"[-|: ]+",p) or re.match(r"(---|===)",p): continue
        p=re.sub(r"^\s*([-*•>]|\d+\.)\s+","",p).replace("\n"," ")
        cur=""
        for part in re.split(r"(?<=[.!?。])\s+",p):
            cur=(cur+" "+part).strip()
            if not ABB.search(cur): out.append(cur); cur=""
        if cur: out.append(cur)
    return out
def has(text,lab):
    t=unicodedata.normalize("NFC",text); l=unicodedata.normalize("NFC",lab)
    return re.search(r"(?<!\w)"+re.escape(l)+r"(?!\w)",t,re.I if len(l)>3 else 0) is not None or (re.search(r"[^\x00-\x7f\u00c0-\u04ff]",l) is not None and l in t)
STOP={"en":"the of is in and was are for with to by most has were not from that each".split(),"de":"der die das und ist in den mit von hat war sind für im nicht am je aus insgesamt beträgt".split(),"fr":"le la les des est et de du une dans pour avec par sont plus en au été".split(),"es":"el la los las de es y en del un una por con fue más son para se que hay".split()}
def language(text):
    ws=re.findall(r"[^\W\d_]+",text.lower()); c={k:sum(w in set(v) for w in ws) for k,v in STOP.items()}
    b=max(c,key=c.get); return b if c[b]>=3 and c[b]>=1.4*max([c[k] for k in c if k!=b]+[0.1]) else None
NOT={"en":r"\bno\b|\bnot\b|n't|\bnone\b|does not|cannot|without|missing|unknown|only|ends|\b0\b","de":r"\bkein|\bnicht\b|fehlt|ohne|unbekannt","fr":r"\bne\b|\bn'|pas\b|aucun|absent|manque","es":r"\bno\b|ningun|sin\b|falta"}
def judge(c,status,ans):
    """one of several readings is enough where the case has them"""
    if not c.get("readings"): return judged(c,status,ans)
    seen=[judged({**c,**r},status,ans) for r in c["readings"]]
    return next((s for s in seen if s[0] in("right","rightly_refused")),seen[0])
def judged(c,status,ans):
    S=sentences(ans); first=S[0] if S else ""; lead=" ".join(S[:2]); whole=clean(ans); notes=[]
    nf,nl,nw=numbers(first),numbers(lead),numbers(whole)
    bad=[{"any":[b],"tol":0.006} for b in c["must_not"]]
    ok=status in("approved","unverified")
    raw=re.sub(r"`[^`]*`","",ans)
    for h in c.get("must_not_text",[]):
        if h in(raw if h.startswith("<") else ans): notes.append("shows "+repr(h)); 
    unsafe=any(h in(raw if h.startswith("<") else ans) and (h.startswith("<script") or ord(h[0])<32) for h in c.get("must_not_text",[]))
    badfirst=[b["any"][0] for b in bad if find(nf,b) is not None]
    if c["kind"] in("not_in_data","refuse"):
        said=re.search(c["say"] or NOT.get(c["lang"],NOT["en"]),lead,re.I) or re.search(c["say"] or NOT["en"],lead,re.I)
        if not ok and status=="partial" and badfirst: return "wrong_partial",notes+[f"first sentence has {badfirst}"]
        if not ok: return "rightly_refused",notes+([] if S else ["without an answer"])
        if said and not badfirst: return "rightly_refused",notes+["as an answer"]
        return ("wrong_approved" if status=="approved" else "wrong_unverified"),notes+[f"first sentence has {badfirst}" if badfirst else "not said"]
    if not ok:
        return ("rightly_refused" if c["kind"]=="ambiguous" else "refused_though_answerable"),notes
    figs=c["figures"]; inlead=[find(nl,w) is not None for w in figs]; inall=[find(nw,w) is not None for w in figs]
    lablead=[any(has(lead,l) for l in g) for g in c["labels"]]; laball=[any(has(whole,l) for l in g) for g in c["labels"]]
    rival=[r for r in c["rivals"] if has(lead,r)]
    W="wrong_approved" if status=="approved" else "wrong_unverified"
    if c.get("must_not_anywhere") and any(find(nw,b) is not None for b in bad): return W,notes+["a forbidden figure in the text"]
    if badfirst:
        ps=[find(nf,w) for w in figs]; pb=min(find(nf,b) for b in bad if find(nf,b) is not None)
        if not any(p is not None and p<pb for p in ps):
            inl=figs and all(inlead) and all(lablead) and not rival
            return ("buried" if inl else W),notes+[f"first sentence has {badfirst}"]
        notes.append(f"also {badfirst} in the first sentence")
    if not all(inall):
        if c.get("figures_optional") and all(lablead) and not rival: notes.append("label only")
        else: return W,notes+["missing "+", ".join(str(w["any"][0]) for w,f in zip(figs,inall) if not f)]
    if not all(laball): return W,notes+["missing label "+", ".join(g[0] for g,f in zip(c["labels"],laball) if not f)]
    if c["labels"] and not c.get("pairs") and not all(any(has(" ".join(S[:4]),l) for l in g) for g in c["labels"]): return W,notes+["label not in the first four sentences"]
    if c["labels"] and not all(lablead) and rival: return W,notes+[f"the lead names {rival}"]
    if c.get("pairs"):
        units=[u for u in re.split(r"\n|;|(?<=[a-z%)\d])[.](?=\s)",whole) if u.strip()]
        miss=[k for k,v in c["pairs"].items() if not any(has(u,k) and find(numbers(re.sub(r"(?<!\w)"+re.escape(k)+r"(?!\w)"," ",u)),{"any":[v],"tol":0.006 if c["figures"][0]["tol"]<.01 else c["figures"][0]["tol"]}) is not None for u in units)]
        if miss: return "unpaired",notes+["no line with "+", ".join(f"{k}={c['pairs'][k]}" for k in miss)]
    if c["kind"]=="ambiguous" and c["say"] and status=="approved" and not re.search(c["say"],whole,re.I): return "unsaid",notes
    if unsafe: return "unsafe",notes
    lg=language(" ".join(S[:6]))
    if lg and lg!=c["lang"]: return "wrong_language",notes+[f"{lg} for {c['lang']}"]
    notes.append("lead" if all(inlead) and all(lablead) else "later")
    return "right",notes
def why(o):
    """the error of a run without an answer"""
    try: j=json.loads(o)
    except ValueError: return o
    e=j.get("error") or j.get("reason"); out=[e if isinstance(e,str) else json.dumps(e,ensure_ascii=False)] if e else []
    return "\n".join(out) or o
def extract(o):
    """(status, text) from the JSON of the binary, or from its plain output"""
    st=tx=None
    def walk(x):
        nonlocal st,tx
        if isinstance(x,dict):
            for k,v in x.items():
                if k in("status","verdict") and isinstance(v,str) and st is None and v.lower() in("approved","unverified","partial","failed","refused","rejected"): st=v.lower()
                if k in("answer","report","text","markdown","body","output","content") and isinstance(v,str) and tx is None and v.strip(): tx=v
            for v in x.values(): walk(v)
        elif isinstance(x,list):
            for v in x: walk(v)
    for cand in (o,)+tuple(reversed(o.strip().splitlines())):
        try: j=json.loads(cand)
        except ValueError: continue
        walk(j)
        if tx: break
    return st,tx
def one(c):
    tmp=tempfile.mkdtemp(prefix="tab."); t0=time.monotonic()
    try:
        cmd=[BIN,"run",c["goal"]]
        for f in c["files"]:
            shutil.copy(os.path.join(A.dir,f),tmp); cmd+=["--data",os.path.basename(f)]
        cmd+=["--engine","scripted"]+(["--json"] if not A.plain else [])+A.arg
        env=dict(os.environ,NO_COLOR="1"); home=os.path.join(tmp,".home"); os.makedirs(home); env["HOME"]=home
        try: r=subprocess.run(cmd,cwd=tmp,capture_output=True,timeout=A.timeout,stdin=subprocess.DEVNULL,env=env)
        except subprocess.TimeoutExpired: return c,"error",["time-out"],"","",time.monotonic()-t0
        out,err=r.stdout.decode("utf-8","replace"),r.stderr.decode("utf-8","replace")
        st,tx=extract(out) if not A.plain else (None,None)
        status=st or {0:"approved",2:"partial",1:"failed"}.get(r.returncode)
        if status in("refused","rejected"): status="failed"
        if status is None or r.returncode<0 or "panicked at" in err: return c,"error",[f"exit {r.returncode}"],status or "",(tx or out)+"\n"+err,time.monotonic()-t0
        if r.returncode==0 and status not in("approved","unverified"): status+=""
        text=tx if tx is not None else ("" if out.lstrip().startswith("{") else out)
        if status in("approved","unverified") and not text.strip(): return c,"error",["no answer"],status,err,time.monotonic()-t0
        cls,notes=judge(c,status,text); return c,cls,notes,status,text if tx and text.strip() else (why(out) if out.strip() else err),time.monotonic()-t0
    finally: shutil.rmtree(tmp,ignore_errors=True)
if __name__=="__main__":
    ap=argparse.ArgumentParser(); ap.add_argument("bin"); ap.add_argument("dir"); ap.add_argument("--only",default=""); ap.add_argument("--jobs",type=int,default=1); ap.add_argument("--timeout",type=int,default=60); ap.add_argument("--raw"); ap.add_argument("--show",type=int,default=6); ap.add_argument("--plain",action="store_true"); ap.add_argument("--arg",action="append",default=[])
    A=ap.parse_args(); BIN=os.path.abspath(A.bin)
    cases=[json.loads(l) for l in open(os.path.join(A.dir,"cases.jsonl"),encoding="utf-8")]
    if A.only: want=set(A.only.split(",")); cases=[c for c in cases if c["id"] in want or c["category"] in want or c.get("half") in want]
    with ThreadPoolExecutor(A.jobs) as ex: res=list(ex.map(one,cases))
    if A.raw:
        with open(A.raw,"w",encoding="utf-8") as f:
            for c,cls,n,st,tx,s in res: f.write(json.dumps({"id":c["id"],"class":cls,"notes":n,"status":st,"answer":tx,"seconds":round(s,2)},ensure_ascii=False)+"\n")
    CL=["right","rightly_refused","wrong_approved","wrong_unverified","wrong_partial","buried","refused_though_answerable","unpaired","unsaid","wrong_language","unsafe","error"]
    T=defaultdict(Counter)
    for c,cls,*_ in res: T[c["category"]][cls]+=1; T["ALL"][cls]+=1
    sh=["right","r.refused","WRONG APPR","wrong unv","wrong part","buried","refused","unpaired","unsaid","language","unsafe","error"]
    print(f"{'':13}"+"".join(f"{x:>11}" for x in sh)+"   good")
    for k in list(dict.fromkeys(c["category"] for c in cases))+["ALL"]:
        n=sum(T[k].values()); print(f"{k:13}"+"".join(f"{T[k][x] or '':>11}" for x in CL)+f"   {T[k]['right']+T[k]['rightly_refused']}/{n}")
    led=sum("lead" in n for c,cls,n,*_ in res if cls=="right")
    print(f"right in the first two sentences: {led} of {T['ALL']['right']}; slowest {max(s for *_,s in res):.1f} s; mean {sum(s for *_,s in res)/len(res):.2f} s")
    for c,cls,n,st,tx,s in res:
        if cls in("right","rightly_refused"): continue
        print(f"\n{c['id']} {cls} [{st}] {'; '.join(n)}\n  goal: {c['goal']}   files: {' '.join(os.path.basename(f) for f in c['files'])}   ({c['note']})\n  want: {[w['any'][0] for w in c['figures']] or c['kind']} {[g[0] for g in c['labels']]} not {c['must_not']}")
        for l in [l for l in tx.splitlines() if l.strip()][:A.show]: print("    | "+l[:220])
