"""The closed set of refusals and remarks, each with a sentence in Chinese and English."""

from __future__ import annotations

from enum import StrEnum
from string import Formatter
from typing import Literal

Language = Literal["zh-CN", "en"]


class Code(StrEnum):
    """Why a command was refused, or what an accepted one did not do; the word is stable, the sentence may improve."""

    # Opening
    ORDER_NOT_FOUND = "order_not_found"
    LINE_NOT_FOUND = "line_not_found"
    NOT_PAID = "not_paid"
    TOO_EARLY = "too_early"
    WINDOW_OVER = "window_over"
    UNIT_IN_DISPUTE = "unit_in_dispute"
    UNIT_SPENT = "unit_spent"
    NOTHING_REFUNDABLE = "nothing_refundable"
    REASON_DOES_NOT_FIT = "reason_does_not_fit"
    REMEDY_NOT_OFFERED = "remedy_not_offered"
    CURRENCY_NOT_OFFERED = "currency_not_offered"
    # Any command
    NOT_A_PARTY = "not_a_party"
    NOT_YOUR_ROLE = "not_your_role"
    WRONG_PHASE = "wrong_phase"
    CLOSED = "closed"
    NOT_YOUR_TURN = "not_your_turn"
    BAD_COMMAND = "bad_command"
    UNKNOWN_COMMAND = "unknown_command"
    TOO_MANY = "too_many"
    KEY_REUSED = "key_reused"
    # Negotiation
    ALREADY_ANSWERED = "already_answered"
    CLAIM_REPLACED = "claim_replaced"
    REFUSAL_NEEDS_REASON = "refusal_needs_reason"
    REFUSAL_NEEDS_DISPATCH = "refusal_needs_dispatch"
    TOO_MANY_OFFERS = "too_many_offers"
    OFFER_NOT_FOUND = "offer_not_found"
    OFFER_NOT_LIVE = "offer_not_live"
    OWN_OFFER = "own_offer"
    OFFER_EXCEEDS_FROZEN = "offer_exceeds_frozen"
    WRONG_CURRENCY = "wrong_currency"
    OFFER_IS_NO_ANSWER = "offer_is_no_answer"
    MESSAGE_IS_NO_ANSWER = "message_is_no_answer"
    # Complaint and evidence
    COMPLAIN_TOO_EARLY = "complain_too_early"
    COMPLAIN_AFTER_ANSWER = "complain_after_answer"
    ALREADY_SPOKEN = "already_spoken"
    EVIDENCE_CLOSED = "evidence_closed"
    TOO_MUCH_EVIDENCE = "too_much_evidence"
    # Review and proposal
    TAKEN_BY_OTHER = "taken_by_other"
    HAD_A_PART = "had_a_part"
    STALE_EVIDENCE = "stale_evidence"
    REASONS_TOO_SHORT = "reasons_too_short"
    DECISION_EXCEEDS_DISPUTED = "decision_exceeds_disputed"
    PROPOSAL_NOT_FOUND = "proposal_not_found"
    ALREADY_CONFIRMED = "already_confirmed"


class Refused(Exception):
    """A rule said no: carries the code and the values its sentence needs; outside the core it is an answer."""

    def __init__(self, code: Code, **detail: str | int) -> None:
        super().__init__(code.value)
        self.code = code
        self.detail = detail


def sentence(code: Code, language: Language, detail: dict[str, str | int] | None = None) -> str:
    """The sentence to a code in `zh-CN` or `en`, with the values of `detail` filled in where it has places for them."""
    template = SENTENCES[code][language]
    places = {name for _, name, _, _ in Formatter().parse(template) if name}
    return template.format(**{place: (detail or {}).get(place, "?") for place in places})


SENTENCES: dict[Code, dict[Language, str]] = {
    Code.ORDER_NOT_FOUND: {
        "zh-CN": "找不到该订单，请核对订单号，并使用下单时的账号。",
        "en": "This order was not found: check its number and use the account that placed it.",
    },
    Code.LINE_NOT_FOUND: {
        "zh-CN": "该订单没有您所写的商品行或数量，请从订单页选择有争议的商品。",
        "en": "The order has no such line or not that many units: choose the disputed goods from the order.",
    },
    Code.NOT_PAID: {
        "zh-CN": "该订单尚未付款，无需发起纠纷；如不再需要，请直接取消订单。",
        "en": "This order has not been paid for, so there is nothing to dispute: cancel the order instead.",
    },
    Code.TOO_EARLY: {
        "zh-CN": "{until} 起才能以此原因发起纠纷，请届时再来，或先与卖家沟通。",
        "en": "A dispute for this reason may be opened from {until}: come back then, or write to the seller first.",
    },
    Code.WINDOW_OVER: {
        "zh-CN": "以此原因发起纠纷的期限已于 {until} 届满，请联系平台客服了解其他途径。",
        "en": "The time to open a dispute for this reason ended at {until}: ask customer service what can be done.",
    },
    Code.UNIT_IN_DISPUTE: {
        "zh-CN": "第 {line} 行商品中有的已在另一起纠纷中，请在那起纠纷里继续。",
        "en": "Some goods of line {line} are in a dispute already: go on in that dispute.",
    },
    Code.UNIT_SPENT: {
        "zh-CN": "第 {line} 行商品中有的已在先前的纠纷中处理完毕，不能再次发起，请只选择其他商品。",
        "en": "Some goods of line {line} were settled in an earlier dispute: leave them out and choose others.",
    },
    Code.NOTHING_REFUNDABLE: {
        "zh-CN": "所选商品没有可退的金额，请核对所选商品和付款记录。",
        "en": "Nothing was paid for these goods that could be refunded: check the goods chosen and the payment.",
    },
    Code.REASON_DOES_NOT_FIT: {
        "zh-CN": "所选原因与商品目前的状态不符，请选择符合实际情况的原因。",
        "en": "This reason does not fit where the goods are now: choose the reason that describes what happened.",
    },
    Code.REMEDY_NOT_OFFERED: {
        "zh-CN": "目前不支持这种处理方式，请申请退款（全额或部分）。",
        "en": "This remedy is not offered: ask for a refund, in full or in part.",
    },
    Code.CURRENCY_NOT_OFFERED: {
        "zh-CN": "暂不受理以该币种付款的订单的纠纷，请联系平台客服。",
        "en": "Disputes about orders in this currency are not taken yet: ask customer service for help.",
    },
    Code.NOT_A_PARTY: {
        "zh-CN": "您不是这起纠纷的当事人，请使用下单或售出商品的账号。",
        "en": "You are not a party to this dispute: use the account that bought or sold the goods.",
    },
    Code.NOT_YOUR_ROLE: {
        "zh-CN": "您的身份不能进行此操作，请由有权限的一方进行。",
        "en": "Your role may not do this: leave it to the side whose right it is.",
    },
    Code.WRONG_PHASE: {
        "zh-CN": "纠纷在当前阶段不能进行此操作，请查看现在可以做什么。",
        "en": "This cannot be done in the dispute's present phase: see what is open to you now.",
    },
    Code.CLOSED: {
        "zh-CN": "这起纠纷已经结束，不能再进行操作；如有疑问请联系平台客服。",
        "en": "This dispute is closed and takes nothing more: ask customer service if you have questions.",
    },
    Code.NOT_YOUR_TURN: {
        "zh-CN": "现在轮不到您，请等待对方或平台。",
        "en": "It is not your turn: wait for the other side or the platform.",
    },
    Code.BAD_COMMAND: {
        "zh-CN": "提交的内容不完整或格式有误，请改正后重新提交。",
        "en": "What was sent is incomplete or malformed: correct it and send it again.",
    },
    Code.UNKNOWN_COMMAND: {
        "zh-CN": "没有“{command}”这样的操作，请从可用的操作中选择。",
        "en": "There is no command {command}: choose one of those listed as allowed.",
    },
    Code.KEY_REUSED: {
        "zh-CN": "此编号已用于另一项内容不同的提交，请换一个新编号重新提交。",
        "en": "This key was used for another message with other content: send this one under a new key.",
    },
    Code.TOO_MANY: {
        "zh-CN": "您今天已达到 {limit} 次提交的上限，请明天再试。",
        "en": "You have reached the limit of {limit} messages a day: try again tomorrow.",
    },
    Code.ALREADY_ANSWERED: {
        "zh-CN": "您已经答复过买家的诉求；如要调整，请提出新的方案。",
        "en": "You have answered the claim already: make an offer if you want to change your mind.",
    },
    Code.CLAIM_REPLACED: {
        "zh-CN": "买家已提出新的方案，原诉求不再有效，请接受或拒绝新方案。",
        "en": "The buyer's claim was replaced by an offer: accept or decline that offer.",
    },
    Code.REFUSAL_NEEDS_REASON: {
        "zh-CN": "拒绝诉求需要说明理由，请补充理由后重新提交。",
        "en": "A refusal needs a reason: say why and send it again.",
    },
    Code.REFUSAL_NEEDS_DISPATCH: {
        "zh-CN": "商品尚未发出，不能直接拒绝：请附上发货凭证，或双方约定延期的凭证。",
        "en": "The goods are unshipped: a refusal needs proof of dispatch, or of a later date you both agreed on.",
    },
    Code.TOO_MANY_OFFERS: {
        "zh-CN": "您的 {at_most} 次方案已用完，请接受对方的方案，或提交平台处理。",
        "en": "You have made all {at_most} offers you may make: accept the other side's, or take it to the platform.",
    },
    Code.OFFER_NOT_FOUND: {
        "zh-CN": "没有这个方案，请刷新后按编号选择现有的方案。",
        "en": "There is no such offer: reload and choose one by its id.",
    },
    Code.OFFER_NOT_LIVE: {
        "zh-CN": "该方案已被替换、拒绝或过期，请针对当前有效的方案操作，或提出新方案。",
        "en": "This offer was replaced, declined or has lapsed: answer one that is live, or make an offer of your own.",
    },
    Code.OWN_OFFER: {
        "zh-CN": "这是您自己提出的方案，只能由对方接受或拒绝；如要修改，请提出新方案。",
        "en": "This offer is your own, so only the other side can answer it: make a new offer to change it.",
    },
    Code.OFFER_EXCEEDS_FROZEN: {
        "zh-CN": "方案金额超过本次争议冻结的金额，最多为 {at_most}（{currency}，以最小货币单位计），请降低金额。",
        "en": "The offer is more than the sum frozen for this dispute: offer at most {at_most} {currency} (in minor "
        "units, such as fen or cents).",
    },
    Code.WRONG_CURRENCY: {
        "zh-CN": "币种与订单不一致，请使用 {currency}。",
        "en": "The currency is not the order's: use {currency}.",
    },
    Code.OFFER_IS_NO_ANSWER: {
        "zh-CN": "方案已送达买家，但金额过低，不算对诉求的答复，答复期限继续计时；请接受、拒绝或提高金额。",
        "en": "The buyer has your offer, but it is too small to count as your answer and your clock runs on: accept, "
        "refuse or offer more.",
    },
    Code.MESSAGE_IS_NO_ANSWER: {
        "zh-CN": "消息已送达，但不算对诉求的答复，答复期限继续计时；请接受、拒绝或提出方案。",
        "en": "Your message was sent, but it is no answer to the claim and your clock runs on: accept, refuse or make "
        "an offer.",
    },
    Code.COMPLAIN_TOO_EARLY: {
        "zh-CN": "卖家尚未答复，{until} 之后才能提交平台；请等待答复，或届时再提交。",
        "en": "The seller has not answered yet: you may take this to the platform after the answer or from {until}.",
    },
    Code.COMPLAIN_AFTER_ANSWER: {
        "zh-CN": "请先答复买家的诉求，然后才能提交平台。",
        "en": "Answer the buyer's claim first: after that you may take it to the platform.",
    },
    Code.ALREADY_SPOKEN: {
        "zh-CN": "您已作过陈述，请等待对方或平台；补充材料请在举证期内提交。",
        "en": "You have made your statement: wait for the other side or the platform, or add evidence while you may.",
    },
    Code.EVIDENCE_CLOSED: {
        "zh-CN": "现在不在举证期内，请等待仲裁员通知举证，或用留言说明。",
        "en": "No time for evidence is open: wait until you are asked, or explain it in a message.",
    },
    Code.TOO_MUCH_EVIDENCE: {
        "zh-CN": "每起纠纷最多 {at_most} 件证据，还可提交 {left} 件，请只提交最重要的材料。",
        "en": "A dispute holds at most {at_most} items of evidence and has room for {left} more: keep to those that "
        "matter most.",
    },
    Code.TAKEN_BY_OTHER: {
        "zh-CN": "该案已由另一位仲裁员受理，请从待办中选择其他案件。",
        "en": "Another arbiter holds this case: take another one from the queue.",
    },
    Code.HAD_A_PART: {
        "zh-CN": "您与该案已有关联（曾作裁决、超过审理期限或为当事人），须由另一位仲裁员审理，请选择其他案件。",
        "en": "You had a part in this case (a decision, its hard limit, or a side): leave it to another arbiter.",
    },
    Code.STALE_EVIDENCE: {
        "zh-CN": "您阅卷之后又有新材料（您看到第 {seen} 版，现为第 {current} 版），请阅后再裁决。",
        "en": "The evidence has changed since you read it (you saw version {seen}, now it is {current}): read what is "
        "new, then decide.",
    },
    Code.REASONS_TOO_SHORT: {
        "zh-CN": "裁决理由过短，请至少写 {least} 个字符。",
        "en": "The reasons are too short: write at least {least} characters.",
    },
    Code.DECISION_EXCEEDS_DISPUTED: {
        "zh-CN": "裁决金额超过争议金额，最多为 {at_most}（{currency}，以最小货币单位计），请降低金额。",
        "en": "The decision gives more than is disputed: give at most {at_most} {currency} (in minor units, such as "
        "fen or cents).",
    },
    Code.PROPOSAL_NOT_FOUND: {
        "zh-CN": "没有这个裁决方案，请刷新后按编号选择现有的方案。",
        "en": "There is no such proposal: reload and answer the present one by its id.",
    },
    Code.ALREADY_CONFIRMED: {
        "zh-CN": "您已确认该裁决方案，确认后不能更改，请等待对方。",
        "en": "You have confirmed this proposal, and that is final: wait for the other side.",
    },
}
