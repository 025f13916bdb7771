"""How programs of teams that do not write English say that they begin, end, and are released."""

from __future__ import annotations

from logcorr.grammar.phrase import Phrase, at_start

_RECEIVED = (
    r"recibid[oa]|recebid[oa]|re[çc]u|empfangen|erhalten|ricevut[oa]|ontvangen|mottage[nt]|modtaget|vastaanotettu|odebran[oy]"
    r"|otrzyman[oy]|přijat|obdržen|primit|alındı|получен|отримано|を受信|受信|수신"
)
_SIGNAL = r"SIG(?:TERM|INT|QUIT)\b"
_THE_SIGNAL = r"(?:(?:la |el |le |das |il |o |a )?(?:señal|sinal|signal|segnale|signaal|sygnał|signál|сигнал|シグナル)[: ]+)?"

_LISTENING = (
    r"escuchando|ouvindo|escutando|(?:à l['’]|en )écoute|in ascolto|(?:lauscht|lausche|hört|horcht)(?: nun| jetzt)?|luistert"
    r"|lyssnar|lytter|kuuntelee|nasłuchuje|naslouchá|poslouchá|ascultă|dinleniyor|слушает|слушаю|слухає|監聽|监听|リッスン|리스닝"
)
_PORT = r"(?:puerto|port[aou]?|porto|poorte?n?|portissa|порт\w*|端口|埠|連接埠|ポート|포트)"
_WHERE = rf"(?:https?://\S+|(?:[\w.-]+|\[[\da-f:]+\]|\*)?:\d{{2,5}}\b|{_PORT} ?:?\d{{2,5}}\b)"
_AT = r"(?:[^\s\d:/]+ ){0,3}?"
"""Small words between: “en el”, “auf”, “sur le”, “на”."""

_THING = (
    r"(?:servidor|serveur|server|serwer|servicio|serviço|servizio|service|dienst|api|app|backend|anwendung|application"
    r"|aplicación|aplicação|applicazione|aplikacja|aplikace|сервер|сервис|приложение)"
)
_STARTED = (
    r"iniciad[oa]|arrancad[oa]|démarrée?|gestartet|avviat[oa]|gestart|startad|startet|uruchomion[aoy]|spuštěn[ao]?|запущен[ао]?"
)

SERVICES = (
    Phrase(
        "process.terminating",
        ("SIGTERM", "SIGINT", "SIGQUIT"),
        at_start(rf"(?:\w+: )?{_THE_SIGNAL}{_SIGNAL} ?(?:{_RECEIVED})|(?:{_RECEIVED}) ?{_THE_SIGNAL}{_SIGNAL}"),
    ),
    Phrase(
        "process.started",
        (
            *("scuchando", "uvindo", "scutando", "écoute", "ascolto", "lausch", "hört", "horcht", "uistert", "yssnar", "ytter"),
            *(
                "uuntelee",
                "asłuchuje",
                "aslouchá",
                "oslouchá",
                "scultă",
                "inleniyor",
                "луша",
                "лухає",
                "監聽",
                "监听",
                "リッスン",
                "리스닝",
            ),
            *("niciad", "rrancad", "émarré", "estartet", "vviat", "estart", "tartad", "tartet", "ruchomion", "puštěn", "апущен"),
        ),
        at_start(
            rf"(?:[^\s:]+ ){{0,4}}(?:{_LISTENING})[ :]*{_AT}{_WHERE}"
            r"|[^\s:]*(?:監聽|监听|リッスン)中?(?:端口|埠|連接埠)? ?:?\d{2,5}\b"
            rf"|(?:[^\s:]+ ){{0,3}}{_THING} (?:\S+ )?(?:{_STARTED}) {_AT}{_WHERE}"
        ),
    ),
)
"""Phrases of the services themselves."""

_RELEASES = (
    r"release|deploy(?:ing|ed|ment)?|rollout|rolling out|roll-out|despliegue|desplegando|desplegad[oa]|implantação|implantando"
    r"|publicação|publicando|publicación|déploiement|déploie|mise en production|bereitstellung|ausrollen|ausgerollt|auslieferung"
    r"|rilascio|distribuzione|uitrol|driftsättning|wdrożenie|wdrażanie|nasazení|nasazuji|nasazuju|выкладка|выкатка|выкатываем|деплой|релиз|релиза"
    r"|發佈|发布|部署|上線|上线|デプロイ|リリース|배포"
)

_OF = r"(?:(?:of|to|for|de|da|do|la|le|du|der|die|di|del|della|von|auf|versi[oó]n|versão|versione|version|версии) ){0,3}"
_AFTER = r"(?:$|[,;:(.…!)]| [(\[–—-]| (?:from|to|on|by|start|begin|done|ok|antes|desde|avant|depuis|vorher|auf|para|vers)\b)"

RELEASE = Phrase(
    "deploy.started",
    (
        *("elease", "eploy", "ollout", "olling out", "oll-out", "espliegue", "esplegando", "esplegad", "mplanta", "ublica"),
        *("éploi", "mise en production", "ereitstellung", "usroll", "usgerollt", "uslieferung", "ilascio", "istribuzione"),
        *("itrol", "riftsättning", "draż", "drożenie", "asazení", "asazuj", "ыкладка", "ыкат", "еплой", "елиз"),
        *("發佈", "发布", "部署", "上線", "上线", "デプロイ", "リリース", "배포"),
    ),
    at_start(rf"(?:=+ ?|-+ ?)?(?:{_RELEASES}) {_OF}(?:[\w./-]+[ :@-])?{_OF}v?\d+\.\d+[\w.-]*{_AFTER}"),
)
"""A word for a release with a version, as scripts that deploy write it; languages apart, it says that one begins."""
