from ferryman import Migration


def run(event: dict[str, str], context: object) -> None:
    print("got", event["label"])
    if event["label"] == "silent":
        return
    if event["label"] == "flawed":
        raise ValueError("no room left")
    with Migration() as migration:
        found = migration.get_mapping_by_id(event["transferId"], "identity:user", ["ann"])
        migration.add_log(event["transferId"], f"ann is {found.result.get('ann')}")
        migration.message_processed(event["transferId"], event["messageId"])
    if event["label"] == "late":
        raise ValueError("the space is full")
