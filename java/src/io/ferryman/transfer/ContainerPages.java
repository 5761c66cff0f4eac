package io.ferryman.transfer;

import com.atlassian.migration.app.ConfluenceSpaceContainerV1;
import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.ContainerV1;
import com.atlassian.migration.app.JiraProjectContainerV1;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.SiteContainerV1;
import io.ferryman.json.JsonObject;
import java.util.ArrayList;
import java.util.List;

/** The containers of one type, page by page. */
public final class ContainerPages extends Pages implements PaginatedContainers {
    private static final int LARGEST = 250;

    private List<ContainerV1> containers = List.of();

    ContainerPages(ServerCalls calls, ContainerType type, int size) {
        super(calls, "/containers/page", "containerType", type.name(), size, LARGEST);
    }

    @Override
    int take(JsonObject page) {
        List<ContainerV1> found = new ArrayList<>();
        page.objects("containers").forEach(each -> found.add(container(each)));
        containers = found;
        return found.size();
    }

    @Override
    public List<ContainerV1> getContainers() {
        return containers;
    }

    /**
     * Returns a container.
     *
     * @param json its members, as in the platform's answer
     * @return the container
     */
    public static ContainerV1 container(JsonObject json) {
        switch (ContainerType.valueOf(json.text("type"))) {
            case JiraProject:
                return new Project(json);
            case ConfluenceSpace:
                return new Space(json);
            default:
                return new Site(json);
        }
    }

    private abstract static class Selected implements ContainerV1 {
        final JsonObject json;

        Selected(JsonObject json) {
            this.json = json;
        }

        @Override
        public ContainerType getType() {
            return ContainerType.valueOf(json.text("type"));
        }

        public String getKey() {
            return json.text("key");
        }

        public String getSourceId() {
            return json.text("sourceId");
        }

        public String getName() {
            return json.text("name");
        }
    }

    private static final class Project extends Selected implements JiraProjectContainerV1 {
        Project(JsonObject json) {
            super(json);
        }
    }

    private static final class Space extends Selected implements ConfluenceSpaceContainerV1 {
        Space(JsonObject json) {
            super(json);
        }
    }

    private static final class Site extends Selected implements SiteContainerV1 {
        Site(JsonObject json) {
            super(json);
        }

        @Override
        public String getSelectedUsers() {
            return json.text("selectedUsers");
        }
    }
}
