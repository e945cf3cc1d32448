"""Sentences for the parties, in Chinese and English, made from the codes and values of the core's notices."""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_currency, get_currency_precision

from domain.dispute import Outcome, WaitKind
from domain.forecast import Silence
from domain.money import Money
from domain.notices import Body, EndTopic
from domain.refusals import Language
from domain.working_time import span

_LOCALE: dict[Language, str] = {"zh-CN": "zh_Hans_CN", "en": "en"}
_INSTANT: dict[Language, str] = {"zh-CN": "y年M月d日HH:mm（ZZZZ）", "en": "d MMMM y, HH:mm (ZZZZ)"}
_BETWEEN: dict[Language, str] = {"zh-CN": "", "en": " "}

Template = dict[Language, str]

TURNS: dict[WaitKind | EndTopic, Template] = {
    WaitKind.FIRST_ANSWER: {
        "zh-CN": "买家就订单 {order} 提出退款 {amount} 的诉求。请在{until}之前接受、说明理由拒绝，或提出方案。",
        "en": "The buyer asks for {amount} back on order {order}. Please accept, refuse with a reason, or make an "
        "offer by {until}.",
    },
    WaitKind.AFTER_REFUSAL: {
        "zh-CN": "卖家拒绝了您就订单 {order} 提出的退款 {amount} 的诉求。请在{until}之前提出新方案，或提交平台处理。",
        "en": "The seller refused to pay {amount} back on order {order}. Please make an offer or take the case to the "
        "platform by {until}.",
    },
    WaitKind.OFFER: {
        "zh-CN": "对方就订单 {order} 提出退款 {amount} 的方案。请在{until}之前接受或拒绝。",
        "en": "The other side offers to settle the dispute about order {order} with a refund of {amount}. Please "
        "accept or decline by {until}.",
    },
    WaitKind.COMPLAINT_ANSWER: {
        "zh-CN": "订单 {order} 的纠纷（涉及退款 {amount}）已交由平台处理。请在{until}之前陈述您的意见并提交证据。",
        "en": "The dispute about order {order} and a refund of {amount} is before the platform. Please state your side "
        "and give your evidence by {until}.",
    },
    WaitKind.CONFIRMATION: {
        "zh-CN": "仲裁员就订单 {order} 提出的处理方案为退款 {amount}。请在{until}之前确认或拒绝。",
        "en": "An arbiter proposes a refund of {amount} on order {order}. Please confirm or reject it by {until}.",
    },
}
"""Whose turn it is and until when, by what is waited for."""

SILENCES: dict[Silence, Template] = {
    Silence.CLAIM_ACCEPTED: {
        "zh-CN": "逾期未答复，视为接受诉求。",
        "en": "Without an answer by then the claim counts as accepted.",
    },
    Silence.DISPUTE_LAPSES: {
        "zh-CN": "逾期未行动，纠纷将关闭，不予退款。",
        "en": "Without a step by then the dispute is closed and nothing is paid back.",
    },
    Silence.OFFER_LAPSES: {
        "zh-CN": "逾期未答复，该方案失效，不视为同意。",
        "en": "Without an answer by then the offer lapses; silence is no consent to it.",
    },
    Silence.COMPLAINT_FILED: {
        "zh-CN": "届时仍未和解，纠纷将以买家名义提交平台。",
        "en": "Without an agreement by then the case goes to the platform in the buyer's name.",
    },
    Silence.REVIEW_BEGINS: {
        "zh-CN": "逾期未答复，平台将依据现有材料审理，并记录未答复的一方。",
        "en": "Without an answer by then the platform reviews what is there, and notes who did not answer.",
    },
    Silence.REVIEW_GOES_ON: {
        "zh-CN": "逾期未答复，审理将在没有您的答复的情况下继续。",
        "en": "Without an answer by then the review goes on without it.",
    },
    Silence.BACK_TO_QUEUE: {
        "zh-CN": "逾期未处理，案件将退回待办队列。",
        "en": "Without a step by then the case goes back to the queue.",
    },
    Silence.PROPOSAL_CONFIRMED: {
        "zh-CN": "逾期未答复，视为确认该方案，并予执行。",
        "en": "Without an answer by then the proposal counts as confirmed and is carried out.",
    },
    Silence.DECISION_STANDS: {
        "zh-CN": "届时将按已作出的裁决执行。",
        "en": "From then on the decision that was made stands and is carried out.",
    },
    Silence.PLATFORM_PAYS: {
        "zh-CN": "届时平台裁定支持买家，按其诉求退款。",
        "en": "From then on the platform decides for the buyer, who is paid back what was asked.",
    },
    Silence.PLATFORM_ALERTED: {
        "zh-CN": "届时平台工作人员将介入。",
        "en": "From then on the platform's staff look into it.",
    },
    Silence.REFUND_ASKED_AGAIN: {
        "zh-CN": "届时将再次向支付机构请求该笔退款。",
        "en": "From then on the payment provider is asked for the refund again.",
    },
}
"""What silence means."""

SETTLED: Template = {
    "zh-CN": "订单 {order} 的纠纷已有结果：{amount} 正在退还给买家。",
    "en": "The dispute about order {order} has its outcome: {amount} is on its way back to the buyer.",
}

ENDINGS: dict[Outcome, Template] = {
    Outcome.SETTLED: {
        "zh-CN": "订单 {order} 的纠纷已和解结束，买家获退款 {amount}。",
        "en": "The dispute about order {order} was settled: the buyer got {amount} back.",
    },
    Outcome.UPHELD: {
        "zh-CN": "订单 {order} 的纠纷已结束：诉求获支持，买家获退款 {amount}。",
        "en": "The dispute about order {order} has ended: the claim was upheld and the buyer got {amount} back.",
    },
    Outcome.PARTLY_UPHELD: {
        "zh-CN": "订单 {order} 的纠纷已结束：诉求获部分支持，买家获退款 {amount}。",
        "en": "The dispute about order {order} has ended: the claim was upheld in part, the buyer got {amount}.",
    },
    Outcome.DISMISSED: {
        "zh-CN": "订单 {order} 的纠纷已结束：诉求未获支持，不予退款。",
        "en": "The dispute about order {order} has ended: the claim was dismissed and nothing is paid back.",
    },
    Outcome.WITHDRAWN: {
        "zh-CN": "订单 {order} 的纠纷已由买家撤回，不予退款。",
        "en": "The buyer withdrew the dispute about order {order}: nothing is paid back.",
    },
    Outcome.LAPSED: {
        "zh-CN": "买家未在期限内继续，订单 {order} 的纠纷已关闭，不予退款。",
        "en": "The buyer did not go on in time, so the dispute about order {order} is closed: nothing is paid back.",
    },
}

REMINDER: Template = {"zh-CN": "提醒：还剩{left}。", "en": "Reminder: {left} left."}
EXTENDED: Template = {
    "zh-CN": "因平台处理延误，期限已顺延。",
    "en": "The platform was late itself, so your time has been extended.",
}


def render(body: Body, language: Language) -> str:
    """The text of a notice or reminder for a party; amounts, instants and times left are written as the language does.

    Instants are in the market's local time, with the offset. Raises ValueError for the topics of order events, which
    are told in values and have no text.
    """
    told: list[Template] = []
    if body.extended:
        told.append(EXTENDED)
    if body.left is not None:
        told.append(REMINDER)
    told.append(_main(body))
    if body.silence is not None:
        told.append(SILENCES[body.silence])
    values = {"order": body.order_id, "amount": amount_text(body.amount, language)}
    if body.until is not None:
        local = body.until.astimezone(timezone(timedelta(seconds=body.offset_seconds)))
        pattern, locale = _INSTANT[language], _LOCALE[language]
        values["until"] = format_datetime(local, pattern, tzinfo=local.tzinfo, locale=locale)
    if body.left is not None:
        # A threshold above 1 keeps 24 hours from being told as one day.
        values["left"] = format_timedelta(span(body.left), threshold=2, locale=_LOCALE[language])
    return _BETWEEN[language].join(template[language].format_map(values) for template in told)


def _main(body: Body) -> Template:
    if body.topic == "settled":
        return SETTLED
    if body.topic == "ended" and body.outcome is not None:
        return ENDINGS[body.outcome]
    if body.topic in TURNS:
        return TURNS[body.topic]
    raise ValueError(f"a message about {body.topic} is told in values and has no text for a party")


def amount_text(money: Money, language: Language) -> str:
    """An amount as people of this language read it, such as ¥138.00."""
    amount = Decimal(money.amount_minor).scaleb(-get_currency_precision(money.currency))
    return format_currency(amount, money.currency, locale=_LOCALE[language])
