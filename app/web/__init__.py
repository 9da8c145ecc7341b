"""HTTP: a file or folder per front door. Reads requests, opens transactions, writes answers.

ussd has the gateways' callbacks, most of which hop_door takes in before Flask, sms the SMS
providers', mobile_money/ the payments API and api_docs its description, till/ the agent's pages,
office/ the office's, home the first page, simulator the phone of development, health the addresses
for machines. refusals holds the statuses of refusals, error_pages what is answered where no page
can, language the words of pages, access who may call a route, edge what is refused before all else,
safe_headers and cookies what browsers are told. A new page: a view that declares its audience
(`open_to`) in a blueprint, and a line in register_pages (pages). Addresses for machines are in
machines: a process reads the pages when the first of them is asked for (app/__init__).
"""
